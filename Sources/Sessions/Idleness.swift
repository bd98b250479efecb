package import Primitives

/// `timeout client`, `server`, `tunnel`, `client-fin` and `server-fin` of one session; nil: none.
package struct IdleTimeouts: Equatable, Sendable {
    package var client: Duration?
    package var server: Duration?
    package var tunnel: Duration?
    package var clientFin: Duration?
    package var serverFin: Duration?

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
        let clientLimit = limit(self.client, fin: clientFin, client)
        let serverLimit = limit(self.server, fin: serverFin, server)
        switch (clientLimit, serverLimit) {
        case (nil, nil): return nil
        case (let limit?, nil): return (client.last + limit, .client)
        case (nil, let limit?): return (server.last + limit, .server)
        case (let clientLimit?, let serverLimit?):
            let clientEnd = client.last + clientLimit
            let serverEnd = server.last + serverLimit
            // Both were touched by the same bytes, microseconds apart: that is one instant.
            if serverEnd + .milliseconds(1) < clientEnd { return (serverEnd, .server) }
            return (clientEnd, .client)
        }
    }

    private func limit(_ own: Duration?, fin: Duration?, _ side: SideActivity) -> Duration? {
        guard !side.hasEnded || side.owesRoom else { return nil }
        let usual = tunnel ?? own
        guard side.wasShutDown || side.hasEnded, let fin else { return usual }
        return fin
    }
}
