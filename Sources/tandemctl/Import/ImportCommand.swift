import ArgumentParser
import ControlClient
import Glibc
import LinuxIO
import Messages

struct ImportCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "import",
        abstract: "Copies the files of keepalived and HAProxy to /etc/tandem, if they would run.",
        discussion: """
            Without a file: /etc/keepalived/keepalived.conf and /etc/haproxy/haproxy.cfg, those that \
            exist. Nothing of theirs is changed, and no service is stopped or started.
            """
    )

    @OptionGroup var common: CommonOptions
    @Option(help: ArgumentHelp("This keepalived.conf.", valueName: "file"))
    var keepalived: String?
    @Option(help: ArgumentHelp("This haproxy.cfg.", valueName: "file"))
    var haproxy: String?
    @Flag(help: "Only say what would be done, and what the files would do.")
    var check = false
    @Flag(help: "Replace files in /etc/tandem that were changed; they keep another name.")
    var force = false
    @Option(help: .hidden)
    var root = ""

    func run() throws {
        let places = ImportPlaces(root: root)
        var adoption = Adoption(places: places, force: force)
        if let file = keepalived ?? found(places.keepalived) { adoption.addKeepalived(file) }
        if let file = haproxy ?? found(places.haproxy) { adoption.addHAProxy(file) }
        guard !adoption.isEmpty else {
            Terminal.error(
                "error: there is neither \(places.keepalived) nor \(places.haproxy)\n"
                    + "       name the files: tandemctl import --keepalived FILE --haproxy FILE"
            )
            return try finish(.failed)
        }
        let results = check ? adoption.preview() : adoption.perform()
        for result in results { Terminal.print(result.line) }
        let status = ControlExit.ofCommand(results)
        if status == .well { sayWhatIsNext(adoption, RivalService.all(in: places)) }
        try finish(status)
    }

    /// A file of the usual place, unless the operator named any.
    private func found(_ path: String) -> String? {
        guard keepalived == nil, haproxy == nil else { return nil }
        return unsafe access(path, F_OK) == 0 ? path : nil
    }

    private func sayWhatIsNext(_ adoption: Adoption, _ rivals: [RivalService]) {
        for path in adoption.includedByPath {
            Terminal.print("\(path): is read from there by its absolute path; keep it")
        }
        for rival in rivals { Terminal.print(rival.line) }
        Terminal.print("")
        if check {
            Terminal.print("Nothing was changed. To copy them: tandemctl import")
        } else if rivals.isEmpty {
            Terminal.print("Nothing was started. To run with these files:")
        } else {
            Terminal.print("Nothing was stopped or started. To change over, on the BACKUP first:")
            let units = rivals.map(\.unit).joined(separator: " ")
            Terminal.print("    systemctl disable --now \(units)")
        }
        if !check {
            Terminal.print("    systemctl restart tandem.target")
            Terminal.print("    tandemctl status")
        }
    }
}
