import KeepalivedSyntax
import LinuxIO
import Logging
import Primitives
import Systemd
import Tracking
import VRRP

/// `vrrp_track_process` and `vrrp_track_file`: what runs on this node, and what others write into files.
extension Agent {
    /// Events of processes that one turn reads at most.
    private static let eventBudget = 256

    /// Processes that some router tracks, but for those that the proxy's health answers for.
    private var watchedProcesses: [TrackedProcess] {
        let tracked = Set(configuration.routers.flatMap(\.tracks).map(\.subject))
        return configuration.processes.filter {
            !$0.asksForProxyProcess && tracked.contains(.process($0.name))
        }
    }

    private var watchedFiles: [TrackedFile] {
        let tracked = Set(configuration.routers.flatMap(\.tracks).map(\.subject))
        return configuration.files.filter { tracked.contains(.file($0.name)) }
    }

    /// Watches what the configuration names, and no more.
    func openTracking(writesFiles: Bool) {
        processes.keep(watchedProcesses)
        watchProcesses()
        if writesFiles { writeInitialNumbers() }
        watchFiles()
    }

    /// What a router has to know at its start.
    func tellTracked(_ index: Int) {
        for track in routers[index].settings.tracks {
            switch track.subject {
            case .process(let name):
                guard let succeeded = processes.outcome(of: name) else { continue }
                handle(.check(track.subject, succeeded: succeeded), index)
            case .file(let name):
                guard let value = readings[name] else { continue }
                handle(.reading(track.subject, value: value), index)
            case .script(let name):
                guard let succeeded = checks.outcome(of: name) else { continue }
                handle(.check(track.subject, succeeded: succeeded), index)
            case .interface: continue
            }
        }
    }

    // MARK: Processes

    private func watchProcesses() {
        guard !processes.isEmpty else {
            if let raw = processEvents?.descriptor.rawValue { try? poller.remove(raw) }
            processEvents = nil
            isPollingProcesses = false
            processScan = nil
            return
        }
        if processEvents == nil, !isPollingProcesses {
            do throws(SystemCallError) {
                let events = try ProcessEvents()
                try poller.add(events.descriptor.rawValue, token: Token.processes)
                processEvents = consume events
            } catch {
                isPollingProcesses = true
                log.warning("processes are looked for once a second: \(error)")
            }
        }
        lookAtProcesses()
    }

    /// All of them: at the start, after lost events, and once a second where there are no events.
    func lookAtProcesses() {
        areProcessesStale = false
        guard !processes.isEmpty else { return }
        do throws(SystemCallError) {
            let running = try RunningProcess.all()
            tell(processes.replace(by: running, at: Clock.now))
        } catch {
            areProcessesStale = true
            log.error("tracked processes: \(error)")
        }
    }

    /// Some of them: a machine may have thousands, and a command line may take its time to be read.
    func continueProcessScan() {
        guard var scan = processScan else { return }
        let end = Clock.now + Self.scanTime
        repeat {
            guard let pid = scan.waiting.popLast() else {
                processScan = nil
                tell(processes.replace(by: scan.found, at: Clock.now))
                return
            }
            if let process = RunningProcess(pid: pid) { scan.found.append(process) }
        } while Clock.now < end
        processScan = scan
    }

    /// Of one turn.
    private static let scanTime: Duration = .milliseconds(1)

    private func beginProcessScan() {
        guard !processes.isEmpty, processScan == nil else { return }
        do throws(SystemCallError) {
            processScan = ProcessScan(waiting: try RunningProcess.numbers())
        } catch {
            log.error("tracked processes: \(error)")
        }
    }

    func readProcessEvents() {
        for _ in 0..<Self.eventBudget {
            do throws(SystemCallError) {
                guard let received = try processEvents?.receive() else { return }
                let now = Clock.now
                switch received {
                case .nothing: return
                case .lost:
                    lookAtProcesses()
                    return
                case .event(.forked(let pid, let parent)):
                    tell(processes.forked(pid, from: parent, at: now))
                case .event(.changed(let pid)):
                    tell(processes.saw(RunningProcess(pid: pid), pid: pid, at: now))
                case .event(.ended(let pid)): tell(processes.saw(nil, pid: pid, at: now))
                }
            } catch {
                log.error("\(error): processes are looked for once a second")
                if let raw = processEvents?.descriptor.rawValue { try? poller.remove(raw) }
                processEvents = nil
                isPollingProcesses = true
                return
            }
        }
    }

    func tell(_ changes: [ProcessLedger.Change]) {
        for change in changes {
            line(
                change.succeeded ? .notice : .warning,
                "the process \(change.name) \(change.succeeded ? "runs" : "does not run") as it should: "
                    + "\(processes.count(of: change.name)) of it",
                change.succeeded ? nil : .checkFailed
            )
            handleAll(.check(.process(change.name), succeeded: change.succeeded))
        }
    }

    // MARK: Files

    private func writeInitialNumbers() {
        for file in watchedFiles {
            guard let value = file.initialValue else { continue }
            do throws(SystemCallError) {
                try TrackedNumber.write(value, to: file.path, overwrites: file.overwrites)
            } catch {
                log.warning("\(file.location): the tracked file can't be begun: \(error)")
            }
        }
    }

    /// Watches anew and reads all, so that nothing that happened in between is missed.
    private func watchFiles() {
        if let raw = fileWatch?.descriptor.rawValue { try? poller.remove(raw) }
        fileWatch = nil
        areFilesUnwatched = false
        let files = watchedFiles
        guard !files.isEmpty else {
            readings = [:]
            return
        }
        do throws(SystemCallError) {
            var watch = try FileWatch()
            for file in files {
                do throws(SystemCallError) {
                    try watch.watch(file.path)
                } catch {
                    if !wereFilesUnwatched { log.warning("\(file.location): \(error)") }
                    areFilesUnwatched = true
                }
            }
            try poller.add(watch.descriptor.rawValue, token: Token.files)
            fileWatch = consume watch
        } catch {
            log.error("tracked files are read once a second: \(error)")
            areFilesUnwatched = true
        }
        wereFilesUnwatched = areFilesUnwatched
        let names = Set(files.map(\.name))
        readings = readings.filter { names.contains($0.key) }
        for file in files { read(file) }
    }

    func readFileWatch() {
        let received: FileWatch.Received?
        do throws(SystemCallError) {
            received = try fileWatch?.receive()
        } catch {
            log.error("tracked files: \(error)")
            received = .lost
        }
        switch received {
        case nil, .nothing: return
        case .lost: watchFiles()
        case .changed(let paths):
            for file in watchedFiles where paths.contains(file.path) { read(file) }
        }
    }

    private func read(_ file: TrackedFile) {
        let value = TrackedNumber.read(file.path)
        guard readings[file.name] != value else { return }
        readings[file.name] = value
        line(.info, "the tracked file \(file.name) holds \(value)")
        handleAll(.reading(.file(file.name), value: value))
    }

    /// What has no events is looked at once a second, and what could not be looked at when it had to.
    func reviewTracking() {
        if areProcessesStale {
            lookAtProcesses()
        } else if isPollingProcesses {
            beginProcessScan()
        }
        if areFilesUnwatched { watchFiles() }
    }
}

/// A look at all processes that takes several turns of the loop.
struct ProcessScan {
    var waiting: [Int32]
    var found: [RunningProcess] = []
}
