-- False is the field's default, so a manifest without it does not differ afterwards.
obj.spec.suspend = false
return obj
