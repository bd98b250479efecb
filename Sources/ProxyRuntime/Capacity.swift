import HAProxySyntax

/// How many connections the descriptors allow: two for each, and some for everything else.
struct Capacity: Equatable {
    /// What takes descriptors that are no connection's.
    struct Needs: Equatable {
        /// Sockets, of which an address has one a worker.
        var listeners: Int
        /// Servers, each with a check that may run.
        var servers: Int
        var workers: Int

        init(listeners: Int, servers: Int, workers: Int) {
            self.listeners = listeners
            self.servers = servers
            self.workers = workers
        }

        init(of configuration: HAProxyConfiguration, workers: Int) {
            let running = configuration.proxies.filter { !$0.disabled }
            listeners = running.lazy.flatMap(\.binds).reduce(0) { count, bind in
                if case .ip = bind.endpoint { count + workers } else { count + 1 }
            }
            servers = running.reduce(0) { $0 + $1.servers.count }
            self.workers = workers
        }

        func total(pipes: Int) -> Int {
            listeners + servers + Capacity.perWorker * workers + 2 * pipes + Capacity.reserve
        }
    }

    /// Connections at the same time.
    var maxconn: Int
    /// Pipes for large streams, of all workers together.
    var pipes: Int
    /// What to tell the operator where it is less than was asked for.
    var note: String?

    /// Logs, epoll, signals, the links, the resolver's own, and what the C library opens.
    private static let reserve = 64

    /// Its epoll or its ring, its wake-up and its spare one.
    private static let perWorker = 4

    /// The kernel gives a user 64 of 1 MiB (pipe(7)), and more of smaller ones.
    private static let mostPipes = 256

    init(wanted: Int?, descriptors: Int, needs: Needs) {
        // Streams go without a pipe, but connections not without a descriptor.
        pipes = min(Self.mostPipes, descriptors / 32)
        let fixed = needs.total(pipes: pipes)
        let possible = max((descriptors - fixed) / 2, 1)
        guard let wanted else {
            maxconn = possible
            return
        }
        maxconn = min(wanted, possible)
        guard wanted > possible else { return }
        note =
            "maxconn \(wanted) needs \(2 * wanted + fixed) descriptors (2 x maxconn + \(needs.listeners) "
            + "listening sockets + \(needs.servers) checks + \(Self.perWorker * needs.workers) for workers + 2 x "
            + "\(pipes) pipes + \(Self.reserve)) and the limit is \(descriptors): maxconn is \(possible); raise "
            + "LimitNOFILE= of the unit"
    }

    init(of configuration: HAProxyConfiguration, descriptors: Int, workers: Int) {
        self.init(
            wanted: configuration.global.maxconn,
            descriptors: descriptors,
            needs: Needs(of: configuration, workers: workers)
        )
    }

    /// What to ask the system for.
    static func descriptors(for wanted: Int, _ needs: Needs) -> Int {
        2 * wanted + needs.total(pipes: mostPipes)
    }
}
