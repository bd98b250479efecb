import Glibc
import LinuxIO
import Primitives

/// How the last reload ended, in a file of the run-time directory: a signal has no answer, and `systemctl reload` is to
/// fail where the reload did.
struct ReloadRecord: ~Copyable {
    private let file: FileDescriptor?

    static func path(in directory: String) -> String { directory + "/proxy.reload" }

    /// To be made before privileges are given up: the directory may be root's.
    init(in directory: String) {
        let flags = O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC
        let raw = unsafe open(Self.path(in: directory), flags, 0o644)
        file = raw < 0 ? nil : FileDescriptor(owning: raw)
    }

    /// One line: the time, which tells two answers apart, `ok` or `failed`, and why.
    func write(_ failure: String?, at wall: UInt64) {
        guard let raw = rawValue else { return }
        let text = (failure ?? "reloaded").replacing("\n", with: " ").prefix(2000)
        let line = Array("\(wall) \(failure == nil ? "ok" : "failed") \(text)\n".utf8)
        ftruncate(raw, 0)
        _ = unsafe line.withUnsafeBytes { unsafe pwrite(raw, $0.baseAddress, $0.count, 0) }
    }

    private var rawValue: Int32? {
        switch file {
        case .some(let file): file.rawValue
        case .none: nil
        }
    }

    // MARK: Who asks

    private static let patience: Duration = .seconds(20)

    /// Sends SIGHUP and waits for the answer; the exit status.
    static func ask(_ pid: Int32, directory: String) -> Int32 {
        func tell(_ text: String) {
            ConfigurationFiles.write("tandem-proxy: \(text)\n", to: STDERR_FILENO)
        }
        let path = path(in: directory)
        guard let before = try? readFile(path) else {
            tell(
                "\(path): cannot be read, so how a reload ends is not known; is this its --runtime-dir?"
            )
            return 1
        }
        guard kill(pid, SIGHUP) == 0 else {
            tell("pid \(pid): \(errorText(errno))")
            return 1
        }
        let end = Clock.now + patience
        while Clock.now < end {
            if let answer = try? readFile(path), answer != before, answer.last == 10 {
                let text = String(decoding: answer.dropLast(), as: UTF8.self)
                let words = text.split(separator: " ", maxSplits: 2)
                if words.count > 1, words[1] == "ok" { return 0 }
                tell("the configuration stays as it was: \(words.count > 2 ? words[2] : "")")
                return 1
            }
            guard kill(pid, 0) == 0 else {
                tell("pid \(pid) has ended")
                return 1
            }
            usleep(5000)
        }
        tell("pid \(pid) has not answered within \(patience)")
        return 1
    }
}
