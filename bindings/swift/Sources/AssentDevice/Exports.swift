// What an app imports is `AssentDevice` alone.
@_exported import AssentDeviceCore
