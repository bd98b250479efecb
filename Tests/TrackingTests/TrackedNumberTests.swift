import Glibc
import LinuxIO
import Testing

@testable import Tracking

@Suite struct TrackedNumberTests {
    @Test(arguments: [
        ("7", 7), (" \n-20\n", -20), ("+3 of 4", 3), ("", 0), ("none", 0), ("-", 0),
        ("99999999999999999999999", 1 << 32),
    ])
    func `a number is read as far as it is one`(_ text: String, _ value: Int) {
        #expect(TrackedNumber.parse(Array(text.utf8)[...]) == value)
    }

    @Test func `a file is begun once, or anew where that is asked for`() throws {
        let path = "/tmp/tandem-number-\(getpid())"
        defer { unlink(path) }
        #expect(TrackedNumber.read(path) == 0)
        try TrackedNumber.write(5, to: path, overwrites: false)
        #expect(TrackedNumber.read(path) == 5)
        try TrackedNumber.write(6, to: path, overwrites: false)
        #expect(TrackedNumber.read(path) == 5)
        try TrackedNumber.write(-6, to: path, overwrites: true)
        #expect(TrackedNumber.read(path) == -6)
    }

    @Test func `a pipe that nobody writes to holds 0, and holds nobody up`() {
        let path = "/tmp/tandem-number-pipe-\(getpid())"
        defer { unlink(path) }
        #expect(mkfifo(path, 0o600) == 0)
        #expect(TrackedNumber.read(path) == 0)
    }
}
