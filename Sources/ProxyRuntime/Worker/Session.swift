import CLinux
import Sessions

/// Where a session is. It holds a slot from its accept to its end.
enum SessionState: UInt8 {
    case free
    /// `accept-proxy`: the header has not come yet.
    case introducing
    /// Every server is full.
    case queued
    case connecting
    /// Between two attempts at the same server.
    case waiting
    case established
}

/// One of the two connections of a session.
@safe struct End {
    var descriptor: Int32 = -1
    /// The kernel may have bytes for us: edge-triggered, so it stays set until a read comes back short.
    var mayRead = false
    var mayWrite = false
    /// It has sent its FIN and we have read everything before it.
    var hasEnded = false
    /// We have sent our FIN.
    var isShut = false
    var peerClosed = false
    /// Bytes that wait to be written to this end: only while a write is blocked.
    var pending: UnsafeMutableRawPointer?
    var pendingStart: Int32 = 0
    var pendingEnd: Int32 = 0
    /// When something was read from or written to it last, in the worker's milliseconds.
    var activeAt: UInt64 = 0

    var hasPending: Bool { unsafe pending != nil }
}

/// A session in its slot: plain memory, no references, so that copying and clearing cost nothing.
@safe struct Session {
    var state: SessionState = .free
    /// Changes with each use of the slot: an event of an earlier session is told by it.
    var stamp: UInt32 = 0
    var generation: UInt32 = 0
    var frontend: Int32 = 0
    var backend: Int32 = -1
    var server: Int32 = -1
    var isCountedAtServer = false
    var client = End()
    var upstream = End()
    var peer = tandem_address()
    var attempts = ConnectAttempts(retries: 0, redispatch: nil)
    /// Nanoseconds since 1970.
    var acceptedWall: UInt64 = 0
    var acceptedAt: UInt64 = 0
    var attemptAt: UInt64 = 0
    var connectedAt: UInt64 = 0
    var retryAt: UInt64 = 0
    var wasLogged = false
    var bytesIn: UInt64 = 0
    var bytesOut: UInt64 = 0
    /// After the pause between two attempts: choose a server anew.
    var choosesAgain = false
    var clientTimeout: UInt32 = 0
    var serverTimeout: UInt32 = 0
    var tunnelTimeout: UInt32 = 0
    var clientFinTimeout: UInt32 = 0
    var serverFinTimeout: UInt32 = 0
    var connectTimeout: UInt32 = 0
    var queueTimeout: UInt32 = 0
    // The timer wheel's list, by slot; -1: none.
    var timerNext: Int32 = -1
    var timerPrevious: Int32 = -1
    var timerTick: UInt64 = 0
    var isArmed = false
}

/// Which of a session's two connections; also the lowest bit of its events' tokens.
enum Side: UInt64 {
    case client = 0
    case upstream = 1
}
