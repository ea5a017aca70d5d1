-- The chunk in flight is finished, and no other is begun.
if obj.spec == nil then
  obj.spec = {}
end
obj.spec.suspend = true
return obj
