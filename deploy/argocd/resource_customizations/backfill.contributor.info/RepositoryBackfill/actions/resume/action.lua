-- False is the field's default, so a manifest without it does not differ afterwards.
if obj.spec == nil then
  obj.spec = {}
end
obj.spec.suspend = false
return obj
