import CLinux
import Glibc
import KeepalivedSyntax
import LinuxIO
import Primitives
import Testing

@testable import AgentRuntime

@Suite("Notify FIFOs")
final class NotifyPipeTests {
    private let directory: String

    init() throws {
        var template = Array("/tmp/tandem-fifo-XXXXXX".utf8CString)
        try #require(mkdtemp(&template) != nil)
        directory = String(
            decoding: template.dropLast().map(UInt8.init(bitPattern:)),
            as: UTF8.self
        )
    }

    deinit {
        for name in ["fifo", "file", "link"] { unlink("\(directory)/\(name)") }
        rmdir(directory)
    }

    private func settings(_ name: String = "fifo") -> NotifyFIFO {
        NotifyFIFO(
            path: "\(directory)/\(name)",
            location: SourceLocation(file: "keepalived.conf", line: 3)
        )
    }

    private func content(_ path: String) throws -> String {
        let raw = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC)
        try #require(raw >= 0)
        let reader = FileDescriptor(owning: raw)
        var buffer = [UInt8](repeating: 0, count: 4096)
        let count = try reader.read(into: &buffer) ?? 0
        return String(decoding: buffer[..<count], as: UTF8.self)
    }

    @Test("Lines wait for their reader, in order and in keepalived's shape")
    func lines() throws {
        let pipe = try NotifyPipe(settings(), owner: nil)
        #expect(pipe.write(StateWord.backup.line(kind: "INSTANCE", name: "VI_1", priority: 100)))
        #expect(pipe.write(StateWord.master.line(kind: "INSTANCE", name: "VI_1", priority: 101)))
        #expect(
            try content("\(directory)/fifo")
                == "INSTANCE \"VI_1\" BACKUP 100\nINSTANCE \"VI_1\" MASTER 101\n"
        )
        pipe.close()
        #expect(access("\(directory)/fifo", F_OK) != 0)
    }

    @Test("A pipe that was there stays when the agent ends")
    func existing() throws {
        #expect(mkfifo("\(directory)/fifo", 0o600) == 0)
        let pipe = try NotifyPipe(settings(), owner: nil)
        pipe.close()
        #expect(access("\(directory)/fifo", F_OK) == 0)
    }

    @Test("A file and a symbolic link are refused and left as they are")
    func refused() throws {
        let file = open("\(directory)/file", O_WRONLY | O_CREAT | O_CLOEXEC, 0o600)
        try #require(file >= 0)
        close(file)
        #expect(symlink("\(directory)/file", "\(directory)/link") == 0)
        for name in ["file", "link"] {
            #expect(throws: SystemCallError.self) {
                _ = try NotifyPipe(self.settings(name), owner: nil)
            }
            #expect(access("\(directory)/\(name)", F_OK) == 0)
        }
    }

    @Test("A full pipe is told once, and again after it was read")
    func full() throws {
        let pipe = try NotifyPipe(settings(), owner: nil)
        let line = StateWord.master.line(kind: "INSTANCE", name: "VI_1", priority: 1)
        var told = 0
        for _ in 0..<10_000 where !pipe.write(line) { told += 1 }
        #expect(told == 1)
        #expect(pipe.lost > 1)
        _ = try content("\(directory)/fifo")
        #expect(pipe.write(line))
        #expect(pipe.lost == 0)
        pipe.close()
    }
}
