package import Primitives

/// `timeout client`, `server`, `tunnel`, `client-fin` and `server-fin` of one session; nil: none.
package struct IdleTimeouts: Equatable, Sendable {
    // Nanoseconds, because they are looked at for every session: arithmetic of `Duration` has 128 bits.
    private var clientLimit: UInt64?
    private var serverLimit: UInt64?
    private var tunnelLimit: UInt64?
    private var clientFinLimit: UInt64?
    private var serverFinLimit: UInt64?

    package var client: Duration? {
        get { clientLimit.map(Duration.init(wholeNanoseconds:)) }
        set { clientLimit = newValue.map(\.wholeNanoseconds) }
    }

    package var server: Duration? {
        get { serverLimit.map(Duration.init(wholeNanoseconds:)) }
        set { serverLimit = newValue.map(\.wholeNanoseconds) }
    }

    package var tunnel: Duration? {
        get { tunnelLimit.map(Duration.init(wholeNanoseconds:)) }
        set { tunnelLimit = newValue.map(\.wholeNanoseconds) }
    }

    package var clientFin: Duration? {
        get { clientFinLimit.map(Duration.init(wholeNanoseconds:)) }
        set { clientFinLimit = newValue.map(\.wholeNanoseconds) }
    }

    package var serverFin: Duration? {
        get { serverFinLimit.map(Duration.init(wholeNanoseconds:)) }
        set { serverFinLimit = newValue.map(\.wholeNanoseconds) }
    }

    package init(
        client: Duration? = nil,
        server: Duration? = nil,
        tunnel: Duration? = nil,
        clientFin: Duration? = nil,
        serverFin: Duration? = nil
    ) {
        self.client = client
        self.server = server
        self.tunnel = tunnel
        self.clientFin = clientFin
        self.serverFin = serverFin
    }

    /// The shortest of them in nanoseconds, `.max` without any: before that no session is idle for too long.
    package var shortest: UInt64 {
        [clientLimit, serverLimit, tunnelLimit, clientFinLimit, serverFinLimit].compactMap(\.self)
            .min() ?? .max
    }
}

extension Duration {
    /// A negative one is none at all.
    var wholeNanoseconds: UInt64 { UInt64(clamping: nanoseconds) }

    init(wholeNanoseconds: UInt64) {
        self = .nanoseconds(Int64(clamping: wholeNanoseconds))
    }
}

extension IdleTimeouts {
    /// Until when a client that waits for its server, and was last heard of at `last`, may say nothing; nil: for ever.
    @inline(__always)
    package func clientDeadline(from last: Instant) -> Instant? {
        clientLimit.map { last.advanced(byNanoseconds: $0) }
    }
}

/// What counts for the inactivity of one side.
package struct SideActivity: Equatable, Sendable {
    /// When bytes last came from it or went to it.
    package var last: Instant
    /// It has said that no more will come.
    package var hasEnded: Bool
    /// It has been told that no more will come.
    package var wasShutDown: Bool
    /// Bytes wait that it does not take.
    package var owesRoom: Bool

    @inlinable @inline(__always)
    package init(last: Instant, hasEnded: Bool, wasShutDown: Bool, owesRoom: Bool) {
        self.last = last
        self.hasEnded = hasEnded
        self.wasShutDown = wasShutDown
        self.owesRoom = owesRoom
    }
}

extension IdleTimeouts {
    /// When which side has been silent for too long; nil: never. At the same instant the client is to blame,
    /// as HAProxy logs it (`cD`).
    ///
    /// A side counts while bytes are still expected from it or waiting for it. `tunnel` takes the place of
    /// `client` and `server`; a `-fin` timeout that of either on a side that was shut down.
    package func deadline(
        client: SideActivity,
        server: SideActivity
    ) -> (instant: Instant, side: Side)? {
        let clientTime = limit(clientLimit, fin: clientFinLimit, client)
        let serverTime = limit(serverLimit, fin: serverFinLimit, server)
        switch (clientTime, serverTime) {
        case (nil, nil): return nil
        case (let limit?, nil): return (client.last.advanced(byNanoseconds: limit), .client)
        case (nil, let limit?): return (server.last.advanced(byNanoseconds: limit), .server)
        case (let clientTime?, let serverTime?):
            let clientEnd = client.last.advanced(byNanoseconds: clientTime)
            let serverEnd = server.last.advanced(byNanoseconds: serverTime)
            // Both were touched by the same bytes, microseconds apart: that is one instant.
            if serverEnd.advanced(byNanoseconds: 1_000_000) < clientEnd {
                return (serverEnd, .server)
            }
            return (clientEnd, .client)
        }
    }

    private func limit(_ own: UInt64?, fin: UInt64?, _ side: SideActivity) -> UInt64? {
        guard !side.hasEnded || side.owesRoom else { return nil }
        let usual = tunnelLimit ?? own
        guard side.wasShutDown || side.hasEnded, let fin else { return usual }
        return fin
    }
}
