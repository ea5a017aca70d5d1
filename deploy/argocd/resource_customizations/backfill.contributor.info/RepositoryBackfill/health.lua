-- The status is in the form of kstatus: Ready is the summary, Reconciling and Stalled are there
-- only while they are True, and each condition says of which generation it speaks. What speaks of
-- an older one is not looked at.
-- Some versions of Argo CD do not ask a script about what is being deleted; others and its tests do.
if obj.metadata.deletionTimestamp ~= nil then
  return { status = "Progressing", message = "Pending deletion" }
end
if obj.spec ~= nil and obj.spec.suspend == true then
  return { status = "Suspended", message = "suspended" }
end
local health = { status = "Progressing", message = "the operator has not looked at this version yet" }
if obj.status == nil or obj.status.conditions == nil then
  return health
end
for _, condition in ipairs(obj.status.conditions) do
  if condition.observedGeneration == obj.metadata.generation then
    local message = condition.reason or ""
    if condition.message ~= nil and condition.message ~= "" then
      message = message .. ": " .. condition.message
    end
    -- Decides by itself, whatever Ready says before it or after it.
    if condition.type == "Stalled" and condition.status == "True" then
      return { status = "Degraded", message = message }
    elseif condition.type == "Ready" then
      health.message = message
      if condition.status == "True" then
        health.status = "Healthy"
      end
    end
  end
end
return health
