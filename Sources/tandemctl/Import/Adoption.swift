import ControlClient
import Glibc
import LinuxIO
import Messages

/// Both files or none: what is to be copied, whether it would run, and the copying.
struct Adoption {
    private let places: ImportPlaces
    private let force: Bool
    private var files: [ImportedFile] = []
    private var problems: [CommandResult] = []
    /// What goes on to be read from where it is.
    private(set) var includedByPath: [String] = []

    init(places: ImportPlaces, force: Bool) {
        self.places = places
        self.force = force
    }

    var isEmpty: Bool { files.isEmpty && problems.isEmpty }

    mutating func addKeepalived(_ path: String) {
        guard let file = add(path, as: "keepalived.conf", for: .agent) else { return }
        check(path, with: "tandem-agent", ["-t", "-f"], as: file.name)
        let includes = Includes(of: file)
        includedByPath = includes.absolute
        let directory = path.lastIndex(of: "/").map { String(path[...$0]) } ?? ""
        for name in includes.relative { _ = add(directory + name, as: name, for: .agent) }
        for name in includes.outside {
            fail(file.name, "'include \(name)' leads out of \(directory); write its absolute path")
        }
    }

    mutating func addHAProxy(_ path: String) {
        guard let file = add(path, as: "haproxy.cfg", for: .proxy) else { return }
        check(path, with: "tandem-proxy", ["-c", "-f"], as: file.name)
    }

    /// What `perform` would do, without a change to any file.
    func preview() -> [CommandResult] {
        guard problems.isEmpty else { return refusal() }
        return files.map { file in
            switch occupant(of: file) {
            case .nobody: done(file, "would be copied to \(place(of: file))")
            case .itself: done(file, "is in \(place(of: file)) already")
            case .example: done(file, "would replace the example \(place(of: file))")
            case .changed where force: done(file, "would replace \(place(of: file))")
            case .changed, nil: refused(file)
            }
        }
    }

    /// Copies all of them, or none if one can't be.
    func perform() -> [CommandResult] {
        guard problems.isEmpty else { return refusal() }
        let pending = files.filter { occupant(of: $0) != .itself }
        let barred = pending.filter { file in
            occupant(of: file).map { $0 == .changed && !force } ?? true
        }
        guard barred.isEmpty else { return barred.map(refused) + [nothingDone] }
        do throws(SystemCallError) {
            let taken = try replace(pending)
            return files.map { file in
                guard let kept = taken[file.name] else {
                    return done(file, "is in \(place(of: file)) already")
                }
                let before = kept.map { "; what was there is \($0)" } ?? ""
                return done(file, "copied to \(place(of: file))\(before)")
            }
        } catch {
            return [CommandResult(name: "", outcome: .failed, text: "\(error)")]
        }
    }

    // MARK: The files

    private mutating func add(
        _ path: String,
        as name: String,
        for reader: ImportedFile.Reader
    ) -> ImportedFile? {
        do throws(SystemCallError) {
            let file = try ImportedFile(source: path, name: name, reader: reader)
            files.append(file)
            return file
        } catch {
            fail(name, "\(error)")
            return nil
        }
    }

    private mutating func check(
        _ path: String,
        with daemon: String,
        _ options: [String],
        as name: String
    ) {
        guard let program = ImportPlaces.daemon(daemon) else {
            fail(name, "\(daemon), which checks it, is not where tandemctl is")
            return
        }
        Terminal.print("\(name): checking \(path)")
        if !Program.succeeds(program, options + [path]) {
            fail(name, "\(path) would not run; the lines above say why")
        }
    }

    /// The names that were taken, with what was there before.
    private func replace(
        _ pending: [ImportedFile]
    ) throws(SystemCallError) -> [String: String?] {
        guard !pending.isEmpty else { return [:] }
        guard unsafe mkdir(places.target, 0o755) == 0 || errno == EEXIST else {
            throw SystemCallError("mkdir", on: places.target, errno: errno)
        }
        let stage = places.target + "/.import-\(getpid())"
        guard unsafe mkdir(stage, 0o755) == 0 else {
            throw SystemCallError("mkdir", on: stage, errno: errno)
        }
        defer { removeStage(stage, pending) }
        for file in pending { try file.write(below: stage) }
        var taken: [String: String?] = [:]
        // What is included first: the file that names it finds it there.
        for file in pending.reversed() {
            taken[file.name] = .some(try file.takePlace(from: stage, in: places.target))
        }
        return taken
    }

    /// The stage and the directories of included files in it; what stands there is only copies.
    private func removeStage(_ stage: String, _ pending: [ImportedFile]) {
        for file in pending {
            var name = file.name[...]
            _ = unsafe unlink(stage + "/" + name)
            while let slash = name.lastIndex(of: "/") {
                name = name[..<slash]
                _ = unsafe rmdir(stage + "/" + name)
            }
        }
        _ = unsafe rmdir(stage)
    }

    // MARK: What is said of them

    /// Nil if that can't be told.
    private func occupant(of file: ImportedFile) -> ImportedFile.Occupant? {
        try? file.occupant(in: places)
    }

    private func place(of file: ImportedFile) -> String { places.target + "/" + file.name }

    private func done(_ file: ImportedFile, _ text: String) -> CommandResult {
        CommandResult(name: file.name, outcome: .done, text: text)
    }

    private func refused(_ file: ImportedFile) -> CommandResult {
        let reason =
            occupant(of: file) == nil
            ? "\(place(of: file)) can't be read"
            : "\(place(of: file)) was changed here; --force replaces it and keeps a copy"
        return CommandResult(name: file.name, outcome: .refused, text: reason)
    }

    private var nothingDone: CommandResult {
        CommandResult(name: "", outcome: .refused, text: "nothing was copied")
    }

    private func refusal() -> [CommandResult] { problems + [nothingDone] }

    private mutating func fail(_ name: String, _ text: String) {
        problems.append(CommandResult(name: name, outcome: .failed, text: text))
    }
}
