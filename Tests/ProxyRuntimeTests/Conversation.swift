import CLinux
import Glibc
import LinuxIO
import Primitives
import Synchronization

/// Bytes of which every receiver knows what they must be: a table without a pattern, entered at a place of its own.
struct KnownBytes {
    static let table: [UInt8] = {
        var generator = SeededGenerator(seed: 4711)
        var bytes: [UInt8] = []
        bytes.reserveCapacity(1 << 18)
        while bytes.count < (1 << 18) - 5 {
            let word = generator.next()
            for shift in stride(from: UInt64(0), to: 64, by: 8) {
                bytes.append(UInt8(truncatingIfNeeded: word >> shift))
            }
        }
        return bytes
    }()

    var place: Int

    init(start: Int) { place = start % Self.table.count }

    /// The next bytes, at most so many.
    mutating func next(atMost limit: Int) -> ArraySlice<UInt8> {
        let end = min(place + limit, Self.table.count)
        let slice = Self.table[place..<end]
        place = end == Self.table.count ? 0 : end
        return slice
    }

    /// Whether these are the next bytes.
    mutating func matches(_ bytes: ArraySlice<UInt8>) -> Bool {
        var rest = bytes
        while !rest.isEmpty {
            let wanted = next(atMost: rest.count)
            let isSame = wanted.withUnsafeBytes { left in
                rest.withUnsafeBytes { right in
                    guard let mine = left.baseAddress, let theirs = right.baseAddress else {
                        return false
                    }
                    return memcmp(mine, theirs, wanted.count) == 0
                }
            }
            guard isSame else { return false }
            rest = rest.dropFirst(wanted.count)
        }
        return true
    }
}

/// What one end of a conversation does.
struct Part: Sendable {
    enum Order: Sendable, CaseIterable {
        /// Sends all, ends, and then reads until the end.
        case sendsFirst
        /// Reads until the end, and then sends all.
        case readsFirst
        /// Both at the same time.
        case both
    }

    var order: Order
    var sends: Int
    var receives: Int
    /// Where in the table what it sends begins, and what it must receive.
    var sendStart: Int
    var receiveStart: Int
    var isSlow = false
}

/// Plays a part on a connected socket; nil when all was as it must be, else what was not.
func play(_ part: Part, on descriptor: Int32) -> String? {
    let trouble = Mutex<String?>(nil)
    func send() {
        if let text = sendAll(part, descriptor) { trouble.withLock { $0 = $0 ?? text } }
    }
    func receive() {
        if let text = receiveAll(part, descriptor) { trouble.withLock { $0 = $0 ?? text } }
    }
    switch part.order {
    case .sendsFirst:
        send()
        receive()
    case .readsFirst:
        receive()
        send()
    case .both:
        let box = SharedTrouble()
        let sender = runOnThread { box.text = sendAll(part, descriptor) }
        receive()
        pthread_join(sender, nil)
        if let text = box.text { trouble.withLock { $0 = $0 ?? text } }
    }
    return trouble.withLock { $0 }
}

private final class SharedTrouble: @unchecked Sendable {
    var text: String?
}

private func sendAll(_ part: Part, _ descriptor: Int32) -> String? {
    var bytes = KnownBytes(start: part.sendStart)
    var left = part.sends
    while left > 0 {
        let piece = bytes.next(atMost: min(left, part.isSlow ? 30_000 : 200_000))
        var rest = piece
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes {
                Glibc.send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
            }
            guard count > 0 else { return "sending failed with \(left) bytes left: \(errno)" }
            rest = rest.dropFirst(count)
        }
        left -= piece.count
        if part.isSlow { usleep(500) }
    }
    shutdown(descriptor, Int32(SHUT_WR))
    return nil
}

private func receiveAll(_ part: Part, _ descriptor: Int32) -> String? {
    var wanted = KnownBytes(start: part.receiveStart)
    var received = 0
    var buffer = [UInt8](repeating: 0, count: part.isSlow ? 20_000 : 1 << 18)
    while true {
        let count = recv(descriptor, &buffer, buffer.count, 0)
        guard count >= 0 else { return "receiving failed after \(received) bytes: \(errno)" }
        guard count > 0 else { break }
        guard wanted.matches(buffer[0..<count]) else {
            return "wrong bytes between \(received) and \(received + count)"
        }
        received += count
        if part.isSlow { usleep(300) }
    }
    return received == part.receives ? nil : "\(received) bytes instead of \(part.receives)"
}

/// Plays the server's part on every connection; conversations are had one after the other.
final class PlayingServer: Sendable {
    private let listener: Int32
    private let state = Mutex<(part: Part?, outcomes: [String?])>((nil, []))

    init(port: UInt16) throws {
        listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
        tandem_setsockopt_int(listener, SOL_SOCKET, SO_REUSEADDR, 1)
        try check(tandem_ipv4_bind(listener, 0x7F00_0001, port), "bind")
        listen(listener, 64)
        let server = self
        runOnThread { server.run() }
    }

    func stop() {
        shutdown(listener, Int32(SHUT_RDWR))
        close(listener)
    }

    func expect(_ part: Part) { state.withLock { $0.part = part } }

    /// How the next conversation ended at the server: waits for it.
    func outcome() -> String? {
        for _ in 0..<3000 {
            let found = state.withLock { state -> String?? in
                state.outcomes.isEmpty ? nil : .some(state.outcomes.removeFirst())
            }
            if let found { return found }
            usleep(10_000)
        }
        return "the server's end did not finish"
    }

    private func run() {
        while true {
            let accepted = accept(listener, nil, nil)
            guard accepted >= 0 else { return }
            guard let part = state.withLock({ $0.part }) else {
                close(accepted)
                continue
            }
            var limit = timeval(tv_sec: 20, tv_usec: 0)
            setsockopt(
                accepted,
                SOL_SOCKET,
                SO_RCVTIMEO,
                &limit,
                socklen_t(MemoryLayout<timeval>.size)
            )
            let outcome = play(part, on: accepted)
            close(accepted)
            state.withLock { $0.outcomes.append(outcome) }
        }
    }
}
