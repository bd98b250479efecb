// RawSockets
