-- Looks now, forgets errors and waits, and tries quarantined pull requests once more.
local os = require("os")
if obj.metadata.annotations == nil then
  obj.metadata.annotations = {}
end
obj.metadata.annotations["backfill.contributor.info/requested-at"] = os.date("!%Y-%m-%dT%XZ")
return obj
