/// What app and extension share, as both entitlements name it.
let appGroupName = "group.org.assent.sample"
