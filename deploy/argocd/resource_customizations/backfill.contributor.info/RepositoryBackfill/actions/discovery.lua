-- A suspended object is not looked at, whatever is asked of it.
local suspended = obj.spec ~= nil and obj.spec.suspend == true
return {
  ["look-now"] = { disabled = suspended },
  ["suspend"] = { disabled = suspended },
  ["resume"] = { disabled = not suspended },
}
