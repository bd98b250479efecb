/// One datagram of the notify protocol (sd_notify(3)), read. Assignments that are not known are skipped, as
/// systemd does.
struct NotifyMessage: Equatable, Sendable {
    var isReady = false
    var isWatchdog = false
    var storesDescriptors = false
    var removesDescriptors = false
    /// `FDNAME`; `stored` is systemd's name for what has none.
    var descriptorName = "stored"
    var status: String?

    init(_ bytes: [UInt8]) {
        let text = String(decoding: bytes, as: UTF8.self)
        for line in text.split(separator: "\n") {
            let parts = line.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            guard parts.count == 2 else { continue }
            switch (parts[0], parts[1]) {
            case ("READY", "1"): isReady = true
            case ("WATCHDOG", "1"): isWatchdog = true
            case ("FDSTORE", "1"): storesDescriptors = true
            case ("FDSTOREREMOVE", "1"): removesDescriptors = true
            case ("FDNAME", let name) where Self.isName(name): descriptorName = String(name)
            case ("STATUS", let text): status = String(text.prefix(500))
            default: continue
            }
        }
    }

    /// Names are joined by colons in `LISTEN_FDNAMES`.
    private static func isName(_ text: Substring) -> Bool {
        (1...255).contains(text.utf8.count)
            && text.utf8.allSatisfy { (33...126).contains($0) && $0 != 58 }
    }
}
