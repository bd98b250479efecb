import CLinux
import Glibc
import LinuxIO
import Primitives

extension HAProxyComparisonTests {
    /// 7101 echoes, 7102 says nothing, 7103 resets, 7104 hangs up, 7105 lets nobody in, 7106 answers a byte and
    /// goes on; 7997 to 7999 refuse.
    final class Servers {
        private var sockets: [Int32] = []
        private let echo: EchoServer

        init() throws {
            echo = try EchoServer(port: 7101)
            sockets.append(try Self.listen(7102, backlog: 128))
            answer(try Self.listen(7103, backlog: 128)) { accepted in
                var byte: UInt8 = 0
                recv(accepted, &byte, 1, 0)
                _ = tandem_reset_on_close(accepted)
                close(accepted)
            }
            answer(try Self.listen(7104, backlog: 128)) { accepted in
                var byte: UInt8 = 0
                recv(accepted, &byte, 1, 0)
                shutdown(accepted, Int32(SHUT_RDWR))
                close(accepted)
            }
            let closed = try Self.listen(7105, backlog: 0)
            sockets.append(closed)
            // Two fill a queue of none.
            for _ in 0..<2 {
                let client = socket(
                    AF_INET,
                    Int32(SOCK_STREAM.rawValue | SOCK_NONBLOCK.rawValue),
                    0
                )
                _ = tandem_ipv4_connect(client, 0x7F00_0001, 7105)
                sockets.append(client)
            }
            answer(try Self.listen(7106, backlog: 128)) { accepted in
                var byte: UInt8 = 0
                recv(accepted, &byte, 1, 0)
                send(accepted, &byte, 1, Int32(MSG_NOSIGNAL))
                recv(accepted, &byte, 1, 0)
                close(accepted)
            }
            usleep(20_000)
        }

        private static func listen(_ port: UInt16, backlog: Int32) throws -> Int32 {
            let listener = socket(
                AF_INET,
                Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue),
                0
            )
            tandem_setsockopt_int(listener, SOL_SOCKET, SO_REUSEADDR, 1)
            try check(tandem_ipv4_bind(listener, 0x7F00_0001, port), "bind")
            try check(Glibc.listen(listener, backlog), "listen")
            return listener
        }

        private func answer(_ listener: Int32, _ body: @escaping @Sendable (Int32) -> Void) {
            sockets.append(listener)
            runOnThread {
                while true {
                    let accepted = accept(listener, nil, nil)
                    guard accepted >= 0 else { return }
                    runOnThread { body(accepted) }
                }
            }
        }

        deinit {
            echo.stop()
            for socket in sockets {
                shutdown(socket, Int32(SHUT_RDWR))
                close(socket)
            }
        }
    }

}
