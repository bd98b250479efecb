/// How many connections the descriptors allow: two for each, and some for everything else.
struct Capacity: Equatable {
    /// Connections at the same time.
    var maxconn: Int
    /// What to tell the operator where it is less than was asked for.
    var note: String?

    /// Logs, epoll, signals, the links, the resolver's own, and what the C library opens.
    private static let reserve = 64

    /// Its epoll, its wake-up and its spare one.
    private static let perWorker = 3

    init(wanted: Int?, descriptors: Int, listeners: Int, servers: Int, workers: Int) {
        let fixed = listeners + servers + Self.perWorker * workers + Self.reserve
        let possible = max((descriptors - fixed) / 2, 1)
        guard let wanted else {
            maxconn = possible
            return
        }
        maxconn = min(wanted, possible)
        guard wanted > possible else { return }
        note =
            "maxconn \(wanted) needs \(2 * wanted + fixed) descriptors (2 x maxconn + \(listeners) "
            + "listeners + \(servers) checks + \(Self.perWorker * workers) for workers + \(Self.reserve)) and the limit "
            + "is \(descriptors): maxconn is \(possible); raise LimitNOFILE= of the unit"
    }

    static func descriptors(for wanted: Int, listeners: Int, servers: Int, workers: Int) -> Int {
        2 * wanted + listeners + servers + perWorker * workers + reserve
    }
}
