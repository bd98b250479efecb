import Primitives
import VRRP

extension Interpreter {
    /// `vrrp_track_process NAME { … }`.
    mutating func readTrackedProcess(_ block: Setting) {
        guard isNamed(block), isNew(block, processes.map { ($0.name, $0.location) }) else { return }
        var process = TrackedProcess(name: block.value, program: "", location: block.location)
        var arguments: [String] = []
        var match: TrackedProcess.ArgumentMatch?
        for setting in settings(
            of: block.children,
            in: Keywords.trackedProcess,
            block: "vrrp_track_process \(block.value)"
        ) {
            switch setting.keyword {
            case "process":
                process.program = setting.value
                arguments = setting.arguments.dropFirst().map(\.text)
            case "param_match": match = argumentMatch(setting)
            case "full_command": process.comparesPath = true
            case "weight":
                if let weight = weight(setting.arguments[...], within: 254, at: setting.location) {
                    weightLocations[.process(block.value)] = setting.location
                    process.weight = weight.weight
                    process.reversed = weight.reversed
                }
            case "quorum":
                process.quorum = integer(setting, in: 1...65_535, otherwise: "1") ?? 1
            case "quorum_max":
                process.quorumMaximum = integer(setting, in: 0...65_535, otherwise: "no maximum")
            case "delay":
                process.forkDelay = processDelay(setting)
                process.terminateDelay = process.forkDelay
            case "fork_delay": process.forkDelay = processDelay(setting)
            case "terminate_delay": process.terminateDelay = processDelay(setting)
            default: reportUnhandled(setting)
            }
        }
        // Without arguments 'param_match' says that there may be none.
        if match != nil || !arguments.isEmpty {
            process.match = .arguments(arguments, match ?? .equal)
        }
        finish(&process)
        processes.append(process)
    }

    private mutating func finish(_ process: inout TrackedProcess) {
        if process.program.isEmpty {
            report.error(
                process.location,
                "vrrp_track_process '\(process.name)' has no 'process'",
                mend: "write 'process NAME' into it"
            )
        }
        // quorum_max 0 asks that it does not run at all, which leaves no room for a quorum.
        if let maximum = process.quorumMaximum, maximum < process.quorum {
            if maximum > 0 {
                report.error(
                    process.location,
                    "quorum_max \(maximum) of '\(process.name)' is below its quorum "
                        + "\(process.quorum): it could never be well",
                    mend: "write a quorum_max of \(process.quorum) or more"
                )
            }
            process.quorum = 0
        }
        let name = process.program.split(separator: "/").last.map(String.init) ?? process.program
        process.asksForProxyProcess = name == "haproxy"
    }

    private mutating func argumentMatch(_ setting: Setting) -> TrackedProcess.ArgumentMatch? {
        switch setting.value {
        case "initial": return .beginning
        case "partial": return .leading
        default:
            report.error(
                setting.location,
                "'param_match \(setting.value)' is not known",
                mend: "expected initial or partial"
            )
            return nil
        }
    }

    private mutating func processDelay(_ setting: Setting) -> Duration {
        seconds(setting, in: 0...3600, otherwise: "0") ?? .zero
    }

    /// `track_file NAME { … }`.
    mutating func readTrackedFile(_ block: Setting) {
        guard isNamed(block), isNew(block, files.map { ($0.name, $0.location) }) else { return }
        var file = TrackedFile(name: block.value, path: "", location: block.location)
        for setting in settings(
            of: block.children,
            in: Keywords.trackedFile,
            block: "\(block.keyword) \(block.value)"
        ) {
            switch setting.keyword {
            case "file": file.path = setting.value
            case "weight":
                if let weight = weight(setting.arguments[...], within: 254, at: setting.location) {
                    weightLocations[.file(block.value)] = setting.location
                    file.weight = weight.weight
                    file.reversed = weight.reversed
                }
            case "init_file": readInitialValue(setting, into: &file)
            default: reportUnhandled(setting)
            }
        }
        if !file.path.hasPrefix("/") {
            report.error(
                file.location,
                file.path.isEmpty
                    ? "\(block.keyword) '\(file.name)' has no 'file'"
                    : "'\(file.path)' is no absolute path",
                mend: "write 'file /path/of/file' into it"
            )
        }
        files.append(file)
    }

    private mutating func readInitialValue(_ setting: Setting, into file: inout TrackedFile) {
        file.initialValue = 0
        for word in setting.arguments.map(\.text) {
            if word == "overwrite" {
                file.overwrites = true
            } else if let value = Number.integer(word), Int32(exactly: value) != nil {
                file.initialValue = value
            } else {
                report.error(
                    setting.location,
                    "'init_file \(word)' is not known",
                    mend: "expected a whole number, 'overwrite', or both"
                )
            }
        }
    }

    private mutating func isNamed(_ block: Setting) -> Bool {
        guard block.value.isEmpty else { return true }
        report.error(
            block.location,
            "'\(block.keyword)' needs a name",
            mend: "write '\(block.keyword) NAME { … }'"
        )
        return false
    }

    private mutating func isNew(
        _ block: Setting,
        _ others: [(name: String, location: SourceLocation)]
    ) -> Bool {
        guard let first = others.first(where: { $0.name == block.value }) else { return true }
        report.warning(
            block.location,
            "\(block.keyword) '\(block.value)' is defined already at \(first.location): "
                + "this one is not used",
            mend: "remove one"
        )
        return false
    }
}
