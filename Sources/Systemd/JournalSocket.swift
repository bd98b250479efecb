import CLinux
import Glibc
import LinuxIO
import Synchronization

/// The journal's socket, written to without ever blocking: an entry that does not fit because the journal does
/// not read is lost and counted.
///
/// `sd_journal_sendv` would wait for a journal that hangs (docs/decisions/0001-notify-datagram.md).
final class JournalSocket: Sendable {
    static let path = "/run/systemd/journal/socket"

    enum Outcome: Equatable, Sendable {
        case sent
        /// It is there and does not read.
        case full
        /// There is none, or it takes no such entry.
        case gone
    }

    private let socket: FileDescriptor
    private let path: String
    private let lost = Atomic<UInt64>(0)
    private let hasSent = Atomic<Bool>(false)

    init(path: String = JournalSocket.path) throws(SystemCallError) {
        socket = try UnixDatagram.sender()
        self.path = path
    }

    /// Sends an entry; `apology` is the entry that tells how many were lost, before the first one that fits.
    func send(_ entry: JournalEncoding, apology: (UInt64) -> JournalEncoding) -> Outcome {
        let missed = lost.exchange(0, ordering: .relaxed)
        if missed > 0, transmit(apology(missed)) != .sent {
            lost.add(missed + 1, ordering: .relaxed)
            return .full
        }
        let outcome = transmit(entry)
        if outcome == .full { lost.add(1, ordering: .relaxed) }
        return outcome
    }

    /// Waits until the journal has read all that was sent, and had a moment to look at who sent it; a journal
    /// that hangs is not waited for long. For the end of a process, never for a loop.
    func awaitReader() {
        guard hasSent.load(ordering: .relaxed) else { return }
        for _ in 0..<50 where tandem_unsent(socket.rawValue) > 0 { usleep(10_000) }
        usleep(20_000)
    }

    private func transmit(_ entry: JournalEncoding) -> Outcome {
        do throws(SystemCallError) {
            try UnixDatagram.send(entry.bytes, from: socket, to: path)
            hasSent.store(true, ordering: .relaxed)
            return .sent
        } catch {
            switch error.errno {
            case EAGAIN, ENOBUFS, ENOMEM, EINTR: return .full
            default: return .gone
            }
        }
    }
}
