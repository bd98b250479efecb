import CLinux
import Glibc
import LinuxIO
import Primitives

/// Sessions that wait, and servers that come, go, or are not to be reached.
extension HAProxyComparisonTests {
    /// A server that stands until the client has been there once.
    private static func stuckToAServerThatGoes(_ lab: ProxyLab) throws -> String {
        let server = try NamedServer("s", port: 7107)
        let first = try Client(port: port)
        first.send([7])
        first.finishSending()
        _ = first.receiveAll()
        first.close()
        server.stop()
        usleep(100_000)
        let second = try Client(port: port)
        defer { second.close() }
        second.send([7])
        return end(of: second)
    }

    /// Some clients one after the other, of which the last one is looked at.
    private static func crowd(
        _ count: Int,
        endsAfter: UInt32
    ) -> @Sendable (ProxyLab) throws -> String {
        { _ in
            var clients: [Client] = []
            for number in 0..<count {
                let client = try Client(port: port)
                client.send([UInt8(number)])
                clients.append(client)
                usleep(100_000)
            }
            usleep(endsAfter * 1000)
            var seen = ""
            for client in clients {
                client.finishSending()
                seen = end(of: client)
                client.close()
                // Its line is written before the next one's.
                usleep(50_000)
            }
            return seen
        }
    }

    /// The server's port closes while a client is there.
    private static func serverGoes(_ lab: ProxyLab) throws -> String {
        let server = try NamedServer("s", port: 7107)
        usleep(700_000)
        let client = try Client(port: port)
        defer { client.close() }
        client.send([7])
        usleep(300_000)
        server.stop()
        return client.receiveAll() == nil ? "reset" : "end"
    }

    /// The server comes while a client is at the backup.
    private static func serverComes(_ lab: ProxyLab) throws -> String {
        usleep(700_000)
        let client = try Client(port: port)
        defer { client.close() }
        client.send([7])
        usleep(300_000)
        let server = try NamedServer("s", port: 7107)
        defer { server.stop() }
        return client.receiveAll() == nil ? "reset" : "end"
    }

    static let serverScenarios: [Scenario] = [
        Scenario(
            "one that refuses, another one of weight 0",
            """
            listen p
             bind :7001
             retries 2
             server r 127.0.0.1:7999
             server s 127.0.0.1:7101 weight 0
            """,
            client: ask
        ),
        Scenario(
            "a client that sticks to a server that refuses now",
            """
            listen p
             bind :7001
             retries 2
             stick-table type ip size 100
             stick on src
             server r 127.0.0.1:7107
             server s 127.0.0.1:7999
            """,
            mark: "/+",
            client: stuckToAServerThatGoes
        ),
        Scenario(
            "a client that sticks to a server whose queue is full",
            """
            listen p
             bind :7001
             stick-table type ip size 100
             stick on src
             server r 127.0.0.1:7101 maxconn 1 maxqueue 1
             server s 127.0.0.1:7101
            """,
            mark: " p/s ",
            client: crowd(3, endsAfter: 100)
        ),
        Scenario(
            "a source address that is not here, another server",
            """
            listen p
             bind :7001
             server r 127.0.0.1:7101 source 203.0.113.9
             server s 127.0.0.1:7101
            """,
            client: exchange
        ),
        Scenario(
            "a source address that is not here",
            "listen p\n bind :7001\n retries 2\n server r 127.0.0.1:7101 source 203.0.113.9",
            mark: " p/r ",
            client: ask
        ),
        Scenario(
            "a client that is silent in the queue",
            """
            listen p
             bind :7001
             timeout queue 5s
             timeout client 1s
             timeout tunnel 9s
             server s 127.0.0.1:7102 maxconn 1
            """,
            mark: " cQ "
        ) { _ in
            let first = try Client(port: port)
            first.send([1])
            usleep(100_000)
            let second = try Client(port: port)
            let seen = end(of: second)
            second.close()
            first.close()
            return seen
        },
        Scenario(
            "a client that is silent in the turn-around",
            "listen p\n bind :7001\n timeout client 700ms\n server s 127.0.0.1:7999"
        ) { _ in
            let client = try Client(port: port)
            defer { client.close() }
            return end(of: client)
        },
        Scenario(
            "a full server beside an idle backup",
            """
            listen p
             bind :7001
             timeout queue 9s
             server s 127.0.0.1:7101 maxconn 1
             server b 127.0.0.1:7101 backup
             server z 127.0.0.1:7101 weight 0
            """,
            mark: "/0 0/2",
            client: crowd(3, endsAfter: 300)
        ),
        Scenario(
            "minconn alone",
            """
            listen p
             bind :7001
             fullconn 100
             timeout queue 300ms
             server s 127.0.0.1:7102 minconn 1
            """,
            mark: " sQ ",
            client: second()
        ),
        Scenario(
            "minconn grows with the backend's load",
            """
            listen p
             bind :7001
             fullconn 100
             timeout queue 300ms
             server s 127.0.0.1:7102 minconn 1 maxconn 4
            """,
            mark: " sQ ",
            client: crowd(2, endsAfter: 500)
        ),
        Scenario(
            "a queue that is full, by source",
            """
            listen p
             bind :7001
             balance source
             timeout queue 9s
             server s 127.0.0.1:7101 maxconn 1 maxqueue 1
            """,
            mark: " SQ ",
            client: crowd(3, endsAfter: 300)
        ),
        Scenario(
            "a server that goes down takes its sessions along",
            """
            listen p
             bind :7001
             server s 127.0.0.1:7107 check inter 50 fall 1 rise 1 on-marked-down shutdown-sessions
            """,
            mark: " D- ",
            isBrokenOff: true,
            client: serverGoes
        ),
        Scenario(
            "a server that comes up takes the backups' sessions away",
            """
            listen p
             bind :7001
             server s 127.0.0.1:7107 check inter 50 fall 1 rise 1 on-marked-up shutdown-backup-sessions
             server b 127.0.0.1:7102 backup
            """,
            mark: " U- ",
            isBrokenOff: true,
            client: serverComes
        ),
    ]
}
