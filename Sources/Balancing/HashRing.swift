/// `hash-type consistent` (HAProxy configuration manual §4.2): points of each server on a ring, as many as its weight
/// asks for. A server that comes or goes moves only its own share of the clients.
struct HashRing: Equatable, Sendable {
    private struct Point: Equatable {
        var key: UInt32
        var server: Int32
        /// Which of the server's points it is: those beyond its weight do not count.
        var number: Int32
    }

    /// HAProxy's number of points for a weight of 1.
    static let pointsOfWeight = 16
    /// The most points of a server, and what its identifier is multiplied by.
    private static let pointsOfServer = 4096

    /// The most points of all servers together: thousands of servers with large weights are coarsened.
    private static let limit = 1 << 20

    /// By how many bits they are.
    private let coarseness: Int
    /// Of all servers at the weights that they may have, sorted.
    private let all: [Point]
    private var points: [Point] = []

    /// - Parameters:
    ///   - identifiers: `id` of each server, or its place from 1.
    ///   - weights: the most that each may have, in points.
    init(identifiers: [Int], weights: [Int]) {
        let counts = weights.map { max(min($0, Self.pointsOfServer), 0) }
        var shift = 0
        while counts.reduce(0, { $0 + $1 >> shift }) > Self.limit { shift += 1 }
        coarseness = shift
        var all: [Point] = []
        for (server, identifier) in identifiers.enumerated() {
            let base = UInt32(truncatingIfNeeded: identifier &* Self.pointsOfServer)
            for number in 0..<Self.coarse(counts[server], shift) {
                let place = UInt32(truncatingIfNeeded: number)
                all.append(
                    Point(
                        key: SourceHash.spread(base &+ place),
                        server: Int32(truncatingIfNeeded: server),
                        number: Int32(truncatingIfNeeded: number)
                    )
                )
            }
        }
        self.all = all.sorted { ($0.key, $0.server) < ($1.key, $1.server) }
    }

    /// Which servers take part, with how many points; 0: none.
    mutating func setPoints(_ counts: [Int]) {
        points = all.filter { point in
            Int(point.number) < Self.coarse(counts[Int(point.server)], coarseness)
        }
    }

    private static func coarse(_ count: Int, _ shift: Int) -> Int {
        count > 0 ? max(count >> shift, 1) : 0
    }

    /// The server with the point nearest to the hash, on the way round from there the first that `fits`.
    func server(nearest hash: UInt32, where fits: (Int) -> Bool) -> Int? {
        guard !points.isEmpty else { return nil }
        var low = 0
        var high = points.count
        while low < high {
            let middle = (low + high) / 2
            if points[middle].key < hash { low = middle + 1 } else { high = middle }
        }
        let next = low % points.count
        let previous = (next + points.count - 1) % points.count
        let isNearer = hash &- points[previous].key <= points[next].key &- hash
        let start = isNearer ? previous : next
        for step in 0..<points.count {
            let server = Int(points[(start + step) % points.count].server)
            if fits(server) { return server }
        }
        return nil
    }
}
