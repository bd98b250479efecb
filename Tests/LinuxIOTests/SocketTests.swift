import CLinux
import Glibc
import LinuxIO
import Primitives
import Testing

@Suite(.timeLimit(.minutes(1))) struct UnixSocketTests {
    @Test("Packets keep their boundaries, and each end knows the other by the kernel's word")
    func packets() throws {
        try withTemporaryDirectory { directory in
            let path = directory + "/s"
            let listener = try UnixSocket.listen(at: path, mode: 0o600)
            let nothing = isAbsent(try UnixSocket.accept(listener))
            #expect(nothing)
            let client = try UnixSocket.connect(to: path)
            let server = try present(try UnixSocket.accept(listener))
            for peer in [try UnixSocket.peer(of: client), try UnixSocket.peer(of: server)] {
                #expect(peer == PeerCredentials(pid: getpid(), uid: getuid(), gid: getgid()))
            }
            #expect(try client.write([1, 2, 3]) == 3)
            #expect(try client.write([4]) == 1)
            var buffer = [UInt8](repeating: 0, count: 16)
            #expect(try server.read(into: &buffer) == 3)
            #expect(try server.read(into: &buffer) == 1)
            #expect(buffer[0] == 4)
            // Nothing there is nil; the end is 0.
            #expect(try server.read(into: &buffer) == nil)
        }
    }

    @Test("A full socket says so instead of blocking, and a closed one ends")
    func full() throws {
        try withTemporaryDirectory { directory in
            let listener = try UnixSocket.listen(at: directory + "/s", mode: 0o600)
            var server: Int32 = -1
            do {
                let client = try UnixSocket.connect(to: directory + "/s")
                server = try present(try UnixSocket.accept(listener)).relinquish()
                let packet = [UInt8](repeating: 7, count: 4096)
                var sent = 0
                while try client.write(packet) != nil, sent < 100_000 { sent += 1 }
                #expect(sent > 0 && sent < 100_000)
            }
            let end = FileDescriptor(owning: server)
            var buffer = [UInt8](repeating: 0, count: 4096)
            var packets = 0
            while let count = try end.read(into: &buffer), count > 0 { packets += 1 }
            #expect(packets > 0)
            #expect(try end.read(into: &buffer) == 0)
        }
    }

    @Test("Who finds the listener's queue full waits as long as asked, and knows that somebody listens")
    func crowded() throws {
        try withTemporaryDirectory { directory in
            let path = directory + "/s"
            #expect(!UnixSocket.isServed(path))
            let listener = try UnixSocket.listen(at: path, mode: 0o600, backlog: 0)
            let first = try UnixSocket.connect(to: path)
            let full = SystemCallError("connect", on: path, errno: EAGAIN)
            #expect(throws: full) { _ = try UnixSocket.connect(to: path) }
            #expect(UnixSocket.isServed(path))
            let begun = Clock.now
            #expect(throws: full) {
                _ = try UnixSocket.connect(to: path, patience: .milliseconds(100))
            }
            let waited = Clock.now - begun
            #expect(waited >= .milliseconds(100) && waited < .seconds(2), "\(waited)")
            _ = try present(try UnixSocket.accept(listener))
            let second = try UnixSocket.connect(to: path, patience: .seconds(2))
            #expect(fcntl(second.rawValue, F_GETFL) & O_NONBLOCK != 0)
            _ = first
        }
    }

    @Test("The path has the asked mode and group, and a stale path is replaced")
    func path() throws {
        try withTemporaryDirectory { directory in
            let path = directory + "/s"
            let group: UInt32? = getuid() == 0 ? 65534 : nil
            for mode: UInt32 in [0o600, 0o660] {
                _ = try UnixSocket.listen(at: path, mode: mode, group: group)
                var status = stat()
                #expect(stat(path, &status) == 0)
                #expect(status.st_mode & 0o7777 == mode)
                if let group { #expect(status.st_gid == group) }
            }
            // Nobody listens any more.
            #expect(throws: SystemCallError("connect", on: path, errno: ECONNREFUSED)) {
                _ = try UnixSocket.connect(to: path)
            }
        }
    }

    @Test("A path that is too long or missing is an error with its name")
    func wrongPaths() {
        let long = "/tmp/" + String(repeating: "x", count: 200)
        #expect(throws: SystemCallError("bind", on: long, errno: ENAMETOOLONG)) {
            _ = try UnixSocket.listen(at: long, mode: 0o600)
        }
        #expect(throws: SystemCallError("connect", on: "/tmp/tandem-none/s", errno: ENOENT)) {
            _ = try UnixSocket.connect(to: "/tmp/tandem-none/s")
        }
    }

    @Test("Sockets close on exec and with their owner")
    func closing() throws {
        try withTemporaryDirectory { directory in
            let listener = try UnixSocket.listen(at: directory + "/s", mode: 0o600)
            let client = try UnixSocket.connect(to: directory + "/s")
            let server = try present(try UnixSocket.accept(listener))
            for raw in [listener.rawValue, client.rawValue, server.rawValue] {
                #expect(fcntl(raw, F_GETFD) & FD_CLOEXEC != 0)
                #expect(fcntl(raw, F_GETFL) & O_NONBLOCK != 0)
            }
        }
        // A pipe of its own shows the closing: the reader sees the end once the owner is gone.
        let raw: Int32
        do {
            let pipe = try Pipe()
            raw = try pipe.read.duplicate().relinquish()
        }
        let reader = FileDescriptor(owning: raw)
        var buffer = [UInt8](repeating: 0, count: 1)
        // Another suite's fork may hold the writing end until its exec.
        var end = try reader.read(into: &buffer)
        let deadline = Clock.now + .seconds(10)
        while end == nil, Clock.now < deadline {
            usleep(1000)
            end = try reader.read(into: &buffer)
        }
        #expect(end == 0)
    }
}

@Suite(.timeLimit(.minutes(1))) struct UnixDatagramTests {
    @Test(
        "A datagram arrives with its sender and its descriptors, by path and in the abstract space"
    )
    func descriptorsTravel() throws {
        try withTemporaryDirectory { directory in
            for path in [directory + "/notify", "@tandem-test-\(getpid())"] {
                let receiver = try UnixDatagram.receiver(at: path, mode: 0o600)
                let sender = try UnixDatagram.sender()
                let nothing = isAbsent(try UnixDatagram.receive(from: receiver))
                #expect(nothing)
                let pipe = try Pipe()
                try UnixDatagram.send(
                    Array("FDSTORE=1".utf8),
                    descriptors: [pipe.write.rawValue],
                    from: sender,
                    to: path
                )
                let datagram = try present(try UnixDatagram.receive(from: receiver))
                #expect(datagram.bytes == Array("FDSTORE=1".utf8) && !datagram.truncated)
                #expect(datagram.sender?.pid == getpid())
                #expect(datagram.descriptors.count == 1)
                let copy = FileDescriptor(owning: try #require(datagram.descriptors.first))
                #expect(fcntl(copy.rawValue, F_GETFD) & FD_CLOEXEC != 0)
                #expect(try copy.write([42]) == 1)
                var buffer = [UInt8](repeating: 0, count: 4)
                #expect(try pipe.read.read(into: &buffer) == 1 && buffer[0] == 42)
            }
        }
    }

    @Test("A datagram that is too long is cut and says so; an empty one is empty")
    func truncated() throws {
        try withTemporaryDirectory { directory in
            let receiver = try UnixDatagram.receiver(at: directory + "/n", mode: 0o600)
            let sender = try UnixDatagram.sender()
            try UnixDatagram.send([1, 2, 3, 4], from: sender, to: directory + "/n")
            try UnixDatagram.send([], from: sender, to: directory + "/n")
            let long = try present(try UnixDatagram.receive(from: receiver, limit: 2))
            #expect(long.bytes == [1, 2] && long.truncated)
            let empty = try present(try UnixDatagram.receive(from: receiver))
            #expect(empty.bytes.isEmpty && !empty.truncated)
        }
    }

    @Test("More descriptors than are wanted are closed, not leaked")
    func surplus() throws {
        try withTemporaryDirectory { directory in
            let receiver = try UnixDatagram.receiver(at: directory + "/n", mode: 0o600)
            let sender = try UnixDatagram.sender()
            let raw: Int32
            do {
                let pipe = try Pipe()
                raw = try pipe.read.duplicate().relinquish()
                let copies = Array(repeating: pipe.write.rawValue, count: 5)
                try UnixDatagram.send([1], descriptors: copies, from: sender, to: directory + "/n")
                let datagram = try present(
                    try UnixDatagram.receive(from: receiver, descriptorLimit: 2)
                )
                #expect(datagram.descriptors.count == 2 && datagram.truncated)
                datagram.closeAll()
            }
            // With every writing end closed the pipe is at its end.
            let reader = FileDescriptor(owning: raw)
            var buffer = [UInt8](repeating: 0, count: 1)
            var end = try reader.read(into: &buffer)
            let deadline = Clock.now + .seconds(10)
            while end == nil, Clock.now < deadline {
                usleep(1000)
                end = try reader.read(into: &buffer)
            }
            #expect(end == 0)
        }
    }

    @Test("A receiver that does not read is EAGAIN, one that is not there ENOENT")
    func errors() throws {
        try withTemporaryDirectory { directory in
            let sender = try UnixDatagram.sender()
            #expect(throws: SystemCallError("sendmsg", on: directory + "/none", errno: ENOENT)) {
                try UnixDatagram.send([1], from: sender, to: directory + "/none")
            }
            let receiver = try UnixDatagram.receiver(at: directory + "/n", mode: 0o600)
            var error: SystemCallError?
            for _ in 0..<100_000 where error == nil {
                do throws(SystemCallError) {
                    try UnixDatagram.send([1], from: sender, to: directory + "/n")
                } catch let failure {
                    error = failure
                }
            }
            #expect(error?.errno == EAGAIN)
            let queued = !isAbsent(try UnixDatagram.receive(from: receiver))
            #expect(queued)
        }
    }
}
