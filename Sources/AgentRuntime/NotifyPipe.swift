import CLinux
import Glibc
import KeepalivedSyntax
import LinuxIO

/// One notify FIFO (keepalived.conf(5), `vrrp_notify_fifo`): a line for every change of state, in order.
///
/// It is held open for reading as well, so that a write never fails for want of a reader, and what is
/// written while none is there waits in the pipe. A full pipe costs its reader lines, never the agent time.
final class NotifyPipe {
    let settings: NotifyFIFO
    /// Made by this agent, and removed when it ends.
    private let isOurs: Bool
    private let descriptor: FileDescriptor
    /// Lines that did not fit since the last one that did.
    private(set) var lost = 0

    /// Opens the pipe, made with mode 0600 where there is none. Anything else of that name, a symbolic link
    /// too, is refused.
    init(_ settings: NotifyFIFO, owner: UserIdentity?) throws(SystemCallError) {
        let path = settings.path
        let made = unsafe mkfifo(path, 0o600) == 0
        guard made || errno == EEXIST else {
            throw SystemCallError("mkfifo", on: path, errno: errno)
        }
        let raw = unsafe open(path, O_RDWR | O_NONBLOCK | O_CLOEXEC | O_NOFOLLOW)
        guard raw >= 0 else { throw SystemCallError("open", on: path, errno: errno) }
        let opened = FileDescriptor(owning: raw)
        var status = stat()
        guard unsafe fstat(raw, &status) == 0, status.st_mode & S_IFMT == S_IFIFO else {
            throw SystemCallError("open (it is no FIFO)", on: path, errno: EINVAL)
        }
        if made, let owner, fchown(raw, owner.uid, owner.gid) != 0 {
            let refused = errno
            _ = unsafe unlink(path)
            throw SystemCallError(
                "give it to \(owner.name) (or make it beforehand: mkfifo, chown)",
                on: path,
                errno: refused
            )
        }
        self.settings = settings
        isOurs = made
        descriptor = opened
    }

    /// Writes one line whole or not at all. False when it is the first that did not fit.
    func write(_ line: String) -> Bool {
        let written = try? descriptor.write(Array((line + "\n").utf8))
        guard written == nil else {
            lost = 0
            return true
        }
        lost += 1
        return lost > 1
    }

    /// The end of the agent: nobody will write any more.
    func close() {
        if isOurs { _ = unsafe unlink(settings.path) }
    }
}

/// What keepalived writes into its FIFOs and appends to the arguments of `notify`.
enum StateWord: String {
    case master = "MASTER"
    case backup = "BACKUP"
    case fault = "FAULT"
    case stop = "STOP"
    case deleted = "DELETED"
    /// To FIFOs only.
    case masterReceivedLower = "MASTER_RX_LOWER_PRI"
    case masterPriority = "MASTER_PRIORITY"
    case backupPriority = "BACKUP_PRIORITY"

    /// `INSTANCE "VI_1" MASTER 100`
    func line(kind: String, name: String, priority: UInt8) -> String {
        "\(kind) \"\(name)\" \(rawValue) \(priority)"
    }
}
