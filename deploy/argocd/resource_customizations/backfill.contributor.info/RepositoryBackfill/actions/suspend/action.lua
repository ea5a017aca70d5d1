-- The chunk in flight is finished, and no other is begun.
obj.spec.suspend = true
return obj
