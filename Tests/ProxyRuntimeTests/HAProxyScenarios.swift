import CLinux
import Glibc
import LinuxIO
import Primitives

extension HAProxyComparisonTests {
    static let port: UInt16 = 7001

    // MARK: Clients

    static func end(of client: Client) -> String {
        guard let bytes = client.receiveAll() else {
            return errno == ECONNRESET ? "reset" : "error"
        }
        return bytes.isEmpty ? "end" : "\(bytes.count) bytes"
    }

    /// Sends a byte and ends its side, and reads to the end.
    static let exchange: @Sendable (ProxyLab) throws -> String = { _ in
        let client = try Client(port: port)
        defer { client.close() }
        client.send([7])
        client.finishSending()
        return end(of: client)
    }

    /// Sends a byte and waits.
    static let ask: @Sendable (ProxyLab) throws -> String = { _ in
        let client = try Client(port: port)
        defer { client.close() }
        client.send([7])
        return end(of: client)
    }

    /// A second client while a first one has the only place.
    static func second(
        after milliseconds: UInt32 = 100,
        firstLeavesAfter: UInt32? = nil,
        leavesAfter: UInt32? = nil
    ) -> @Sendable (ProxyLab) throws -> String {
        { _ in
            let first = try Client(port: port)
            first.send([1])
            usleep(milliseconds * 1000)
            let second = try Client(port: port)
            second.send([2])
            if let leavesAfter {
                usleep(leavesAfter * 1000)
                second.close()
                usleep(300_000)
                first.finishSending()
                _ = first.receiveAll()
                first.close()
                return "left"
            }
            if let firstLeavesAfter {
                usleep(firstLeavesAfter * 1000)
                first.finishSending()
                _ = first.receiveAll()
                first.close()
                second.finishSending()
            }
            let seen = end(of: second)
            second.close()
            if firstLeavesAfter == nil { first.close() }
            return seen
        }
    }

    // MARK: Scenarios

    static let scenarios: [Scenario] = [
        Scenario("an answer", "listen p\n bind :7001\n server s 127.0.0.1:7101", client: exchange),
        Scenario(
            "a server that refuses, one retry",
            "listen p\n bind :7001\n retries 1\n server s 127.0.0.1:7999",
            client: ask
        ),
        Scenario(
            "a server that refuses, no retry",
            "listen p\n bind :7001\n retries 0\n server s 127.0.0.1:7999",
            client: ask
        ),
        Scenario(
            "one that refuses, another one",
            "listen p\n bind :7001\n server r 127.0.0.1:7999\n server s 127.0.0.1:7101",
            client: exchange
        ),
        Scenario(
            "one that refuses, another one, no redispatch",
            """
            listen p
             bind :7001
             no option redispatch
             retries 1
             server r 127.0.0.1:7999
             server s 127.0.0.1:7101
            """,
            client: ask
        ),
        Scenario(
            "one that refuses, redispatch at once, by source",
            """
            listen p
             bind :7001
             balance source
             option redispatch 1
             server r 127.0.0.1:7999
             server q 127.0.0.1:7998
             server s 127.0.0.1:7997
            """,
            client: ask
        ),
        Scenario(
            "all refuse, by source",
            """
            listen p
             bind :7001
             balance source
             retries 2
             server r 127.0.0.1:7999
             server q 127.0.0.1:7998
            """,
            client: ask
        ),
        Scenario(
            "all refuse, by the least connections",
            """
            listen p
             bind :7001
             balance leastconn
             retries 2
             server r 127.0.0.1:7999
             server q 127.0.0.1:7998
            """,
            client: ask
        ),
        Scenario(
            "all refuse, the first with room",
            """
            listen p
             bind :7001
             balance first
             retries 2
             server r 127.0.0.1:7999
             server q 127.0.0.1:7998
            """,
            client: ask
        ),
        Scenario(
            "all refuse, one is a backup",
            """
            listen p
             bind :7001
             retries 2
             server r 127.0.0.1:7999
             server q 127.0.0.1:7998 backup
            """,
            client: ask
        ),
        Scenario(
            "a server that lets nobody in",
            "listen p\n bind :7001\n timeout connect 300ms\n retries 2\n server s 127.0.0.1:7105",
            client: ask
        ),
        Scenario(
            "a server that lets nobody in, another one",
            """
            listen p
             bind :7001
             timeout connect 300ms
             retries 2
             server r 127.0.0.1:7105
             server s 127.0.0.1:7101
            """,
            client: exchange
        ),
        Scenario(
            "a server that says nothing",
            "listen p\n bind :7001\n timeout server 500ms\n server s 127.0.0.1:7102",
            client: ask
        ),
        Scenario(
            "a client that says nothing",
            "listen p\n bind :7001\n timeout client 500ms\n server s 127.0.0.1:7101"
        ) { _ in
            let client = try Client(port: port)
            defer { client.close() }
            return end(of: client)
        },
        Scenario(
            "a client that resets",
            "listen p\n bind :7001\n server s 127.0.0.1:7102"
        ) { _ in
            let client = try Client(port: port)
            client.send([7])
            usleep(200_000)
            _ = tandem_reset_on_close(client.descriptor)
            client.close()
            return "left"
        },
        Scenario(
            "a server that resets",
            "listen p\n bind :7001\n server s 127.0.0.1:7103",
            isBrokenOff: true,
            client: ask
        ),
        Scenario(
            "a server that hangs up",
            "listen p\n bind :7001\n server s 127.0.0.1:7104",
            client: ask
        ),
        Scenario(
            "too long in the queue",
            "listen p\n bind :7001\n timeout queue 400ms\n server s 127.0.0.1:7102 maxconn 1",
            mark: " sQ ",
            client: second()
        ),
        Scenario(
            "the queue moves on",
            "listen p\n bind :7001\n timeout queue 5s\n server s 127.0.0.1:7101 maxconn 1",
            mark: " 1/1/",
            client: second(firstLeavesAfter: 300)
        ),
        Scenario(
            "a client that leaves the queue",
            """
            listen p
             bind :7001
             option abortonclose
             timeout queue 5s
             server s 127.0.0.1:7101 maxconn 1
            """,
            mark: " CQ ",
            client: second(leavesAfter: 200)
        ),
        Scenario(
            "no server at all",
            "listen p\n bind :7001\n server s 127.0.0.1:7101 disabled",
            client: ask
        ),
        Scenario(
            "the backup",
            """
            listen p
             bind :7001
             server s 127.0.0.1:7999 disabled
             server b 127.0.0.1:7101 backup
            """,
            client: exchange
        ),
        Scenario(
            "a client that has ended waits for the server's end",
            "listen p\n bind :7001\n timeout server-fin 300ms\n timeout server 2s\n server s 127.0.0.1:7102",
            client: exchange
        ),
        Scenario(
            "a client that does not end after the server",
            "listen p\n bind :7001\n timeout client-fin 300ms\n timeout client 2s\n server s 127.0.0.1:7104"
        ) { _ in
            let client = try Client(port: port)
            defer { client.close() }
            client.send([7])
            let seen = end(of: client)
            usleep(800_000)
            return seen
        },
        Scenario(
            "a tunnel in silence",
            "listen p\n bind :7001\n timeout tunnel 500ms\n server s 127.0.0.1:7106"
        ) { _ in
            let client = try Client(port: port)
            defer { client.close() }
            client.send([7])
            return end(of: client)
        },
        Scenario(
            "a backend of its own that is full",
            """
            frontend p
             bind :7001
             default_backend b
            backend b
             timeout queue 300ms
             server s 127.0.0.1:7102 maxconn 1
             server t 127.0.0.1:7102 maxconn 1 disabled
            """,
            mark: " sQ ",
            client: second()
        ),
    ]

}
