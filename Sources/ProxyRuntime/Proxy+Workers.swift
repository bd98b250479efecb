import HAProxySyntax
import LinuxIO
import Logging

/// The threads that carry the bytes, and by which engine.
extension Proxy {
    enum EngineKind: String {
        case epoll
        case ring = "io_uring"
    }

    /// `tune.engine`, as far as the kernel lets.
    func chooseEngine() -> EngineKind {
        switch configuration.global.engine {
        case .epoll: return .epoll
        case .automatic, .ring:
            let obstacle = RingEngine.obstacle(
                maxconn: limit.maximum,
                descriptors: descriptorLimit
            )
            guard let obstacle else { return .ring }
            log.notice("io_uring is not to be had, \(obstacle): epoll is used")
            return .epoll
        }
    }

    func start(_ handle: WorkerHandle, _ engine: EngineKind) throws(SystemCallError) {
        let settings = WorkerSettings(
            limit: limit,
            descriptors: descriptorLimit,
            pipeLimit: max(pipes / workers.count, 1),
            bufferLimit: configuration.global.bufferLimit.map { max($0 / workers.count, 1) },
            identity: identity
        )
        let log = log
        try startThread("worker/\(handle.index)") {
            do throws(WorkerFailure) {
                switch engine {
                case .epoll: try runWorker(EpollEngine.self, handle, settings)
                case .ring: try runRingWorker(handle, settings, log)
                }
            } catch {
                // Without turns there are no beats: the supervisor restarts what can't work.
                log.critical("worker \(handle.index): \(error)")
            }
        }
    }
}

private enum WorkerFailure: Error, CustomStringConvertible {
    case beforeTheStart(SystemCallError)
    case atWork(SystemCallError)

    var description: String {
        switch self {
        case .beforeTheStart(let error), .atWork(let error): "\(error)"
        }
    }
}

private struct WorkerSettings: Sendable {
    var limit: ConnectionLimit
    var descriptors: Int
    var pipeLimit: Int
    var bufferLimit: Int?
    var identity: LogIdentity
}

/// What could be had at the start may be short now.
private func runRingWorker(
    _ handle: WorkerHandle,
    _ settings: WorkerSettings,
    _ log: Logger
) throws(WorkerFailure) {
    do throws(WorkerFailure) {
        try runWorker(RingEngine.self, handle, settings)
    } catch {
        guard case .beforeTheStart(let error) = error else { throw error }
        log.warning("worker \(handle.index): io_uring is not to be had, \(error): epoll is used")
        try runWorker(EpollEngine.self, handle, settings)
    }
}

private func runWorker<E: Engine & ~Copyable>(
    _ engine: E.Type,
    _ handle: WorkerHandle,
    _ settings: WorkerSettings
) throws(WorkerFailure) {
    var worker: Worker<E>
    do throws(SystemCallError) {
        worker = try Worker<E>(
            handle: handle,
            limit: settings.limit,
            descriptors: settings.descriptors,
            pipeLimit: settings.pipeLimit,
            bufferLimit: settings.bufferLimit,
            identity: settings.identity
        )
    } catch {
        throw .beforeTheStart(error)
    }
    handle.begin(E.name)
    do throws(SystemCallError) {
        try worker.run()
    } catch {
        throw .atWork(error)
    }
}
