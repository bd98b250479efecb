import Glibc
import LinuxIO
import Testing

@testable import ServiceManager

@Suite("The fd store")
struct DescriptorStoreTests {
    /// The reading and the writing end.
    private func pipe() throws -> [Int32] {
        var ends: [Int32] = [-1, -1]
        try #require(Glibc.pipe(&ends) == 0)
        return ends
    }

    private func insert(_ raw: Int32, _ name: String, into store: inout DescriptorStore) -> Bool {
        store.insert(FileDescriptor(owning: raw), name: name)
    }

    @Test("gives back what was left, by name and in order")
    func keeps() throws {
        var store = DescriptorStore()
        let ends = try pipe()
        let kept = [insert(ends[0], "a", into: &store), insert(ends[1], "b", into: &store)]
        #expect(kept == [true, true])
        #expect(store.all.map(\.name) == ["a", "b"])
        #expect(store.all.map(\.descriptor) == ends)
    }

    @Test("holds the same socket once, and lets another of the same name take its place")
    func replaces() throws {
        var store = DescriptorStore()
        let first = try pipe()
        let copy = dup(first[0])
        var kept = [insert(first[0], "a", into: &store), insert(copy, "a", into: &store)]
        #expect(kept == [true, false])
        let second = try pipe()
        kept = [insert(second[0], "a", into: &store)]
        #expect(kept == [true])
        #expect(store.all.map(\.descriptor) == [second[0]])
        // The one that was replaced is closed: its pipe has no reader left.
        signal(SIGPIPE, SIG_IGN)
        let written = write(first[1], "x", 1)
        #expect(written == -1 && errno == EPIPE)
        close(first[1])
        close(second[1])
    }

    @Test("is bounded, and has room again when something is taken out")
    func isBounded() throws {
        var store = DescriptorStore()
        let ends = try pipe()
        for number in 0..<DescriptorStore.limit {
            let kept = insert(dup(ends[0]), "\(number)", into: &store)
            #expect(kept)
        }
        var kept = insert(dup(ends[0]), "one more", into: &store)
        #expect(!kept)
        #expect(store.count == DescriptorStore.limit)
        store.remove(name: "7")
        kept = insert(dup(ends[0]), "one more", into: &store)
        #expect(kept)
        for end in ends { close(end) }
    }
}

@Suite("A datagram of the notify protocol")
struct NotifyMessageTests {
    @Test(
        "is read as systemd reads it",
        arguments: [
            ("READY=1\nSTATUS=well", true, false, "stored", Optional("well")),
            ("WATCHDOG=1", false, true, "stored", nil),
            ("FDSTORE=1\nFDNAME=web", false, false, "web", nil),
            ("FDSTORE=1\nFDNAME=a:b", false, false, "stored", nil),
            ("READY=0", false, false, "stored", nil),
            ("NONSENSE\n=\n\nREADY=1", true, false, "stored", nil),
            ("", false, false, "stored", nil),
        ] as [(String, Bool, Bool, String, String?)]
    )
    func reads(text: String, ready: Bool, watchdog: Bool, name: String, status: String?) {
        let message = NotifyMessage(Array(text.utf8))
        #expect(message.isReady == ready)
        #expect(message.isWatchdog == watchdog)
        #expect(message.descriptorName == name)
        #expect(message.status == status)
        #expect(message.storesDescriptors == text.hasPrefix("FDSTORE=1"))
    }

    @Test("may be anything, and is not believed to be long")
    func survivesNoise() {
        let noise = [UInt8](repeating: 0xFF, count: 4096)
        #expect(NotifyMessage(noise) == NotifyMessage([]))
        let long = NotifyMessage(Array("STATUS=".utf8) + [UInt8](repeating: 65, count: 4000))
        #expect(long.status?.count == 500)
    }
}
