/// `balance` of haproxy.cfg (HAProxy configuration manual §4.2).
package enum BalancingAlgorithm: Equatable, Sendable {
    case roundRobin
    case staticRoundRobin
    case leastConnections
    case source
    case first
    case random

    /// The choice does not depend on who the client is, so any other server is as good, and a failure needs no
    /// waiting (HAProxy 2.6, as `HAProxyComparisonTests` sees it).
    package var leavesAtOnce: Bool {
        switch self {
        case .roundRobin, .staticRoundRobin, .random, .leastConnections, .first: true
        case .source: false
        }
    }
}

/// What the choice has to know of a server.
package struct BalancedServer: Equatable, Sendable {
    /// 0 takes no new connections; 256 times 16 at most, where a slow start needs steps in between.
    package var weight: Int
    package var isBackup: Bool
    /// Checks succeed, and it has an address.
    package var isUsable: Bool

    package init(weight: Int = 1, isBackup: Bool = false, isUsable: Bool = true) {
        self.weight = min(max(weight, 0), 4096)
        self.isBackup = isBackup
        self.isUsable = isUsable
    }
}

/// Where a connection goes.
package enum Choice: Equatable, Sendable {
    case server(Int)
    /// All that could take it are full: it waits for this server, or (nil) for whichever has room first.
    case busy(Int?)
    /// None is usable.
    case none
}

/// Chooses a server of one backend for each connection.
///
/// A choice allocates nothing; the lists below change only when a server's state changes.
package struct Balancer: Equatable, Sendable {
    package let algorithm: BalancingAlgorithm
    /// `option allbackups`: all backups share the load, not only the first.
    package let allBackups: Bool
    package private(set) var servers: [BalancedServer]
    /// Usable servers that are no backups, and usable backups; weight 0 included, as HAProxy counts them.
    package private(set) var activeCount = 0
    package private(set) var backupCount = 0

    /// Who takes part now, in the order of the file: active servers, else backups.
    private var candidates: [Int] = []
    private var hasEqualWeights = true
    private var totalWeight = 0
    private var cursor = 0
    /// Smooth weighted round robin: what each server is owed, by its index.
    private var owed: [Int]
    /// static-rr and source: as many entries a server as its weight, spread.
    private var map: [Int] = []
    private var random: UInt64

    /// `seed` decides the draws of `random`.
    package init(
        algorithm: BalancingAlgorithm,
        servers: [BalancedServer],
        allBackups: Bool = false,
        seed: UInt64 = 1
    ) {
        self.algorithm = algorithm
        self.allBackups = allBackups
        self.servers = servers
        owed = Array(repeating: 0, count: servers.count)
        random = seed
        rebuild()
    }

    /// A server's checks, its address or its weight changed.
    package mutating func update(_ index: Int, to server: BalancedServer) {
        guard servers.indices.contains(index), servers[index] != server else { return }
        servers[index] = server
        rebuild()
    }

    /// The server for one connection.
    ///
    /// - Parameters:
    ///   - avoided: the server that has just failed, taken again only if there is no other.
    ///   - sourceHash: of the client's address (`SourceHash`).
    ///   - load: connections that a server has now.
    ///   - hasRoom: whether a server is below its maxconn, with nobody waiting for it.
    /// - Returns: the server, or what to wait for.
    package mutating func choose(
        avoiding avoided: Int? = nil,
        sourceHash: UInt32 = 0,
        load: (Int) -> Int = { _ in 0 },
        hasRoom: (Int) -> Bool = { _ in true }
    ) -> Choice {
        guard !candidates.isEmpty else { return .none }
        switch algorithm {
        case .source:
            let server = map[Int(sourceHash) % map.count]
            return hasRoom(server) ? .server(server) : .busy(server)
        case .roundRobin:
            let server =
                hasEqualWeights
                ? nextInTurn(candidates, avoided, hasRoom) : mostOwed(avoided, hasRoom)
            return found(server, avoided, hasRoom)
        case .staticRoundRobin:
            let server = nextInTurn(map, avoided, hasRoom)
            return found(server, avoided, hasRoom)
        case .leastConnections:
            let server = leastLoaded(avoided, load, hasRoom)
            return found(server, avoided, hasRoom)
        case .first:
            let server = candidates.first { $0 != avoided && hasRoom($0) }
            return found(server, avoided, hasRoom)
        case .random:
            let server = betterOfTwo(avoided, load, hasRoom)
            return found(server, avoided, hasRoom)
        }
    }

    /// The one to be avoided is better than none.
    private func found(_ server: Int?, _ avoided: Int?, _ hasRoom: (Int) -> Bool) -> Choice {
        if let server { return .server(server) }
        if let avoided, candidates.contains(avoided), hasRoom(avoided) { return .server(avoided) }
        return .busy(nil)
    }

    // MARK: Algorithms

    private mutating func nextInTurn(
        _ list: [Int],
        _ avoided: Int?,
        _ hasRoom: (Int) -> Bool
    ) -> Int? {
        for step in 0..<list.count {
            let position = (cursor + step) % list.count
            let server = list[position]
            guard server != avoided, hasRoom(server) else { continue }
            cursor = (position + 1) % list.count
            return server
        }
        return nil
    }

    /// Each candidate is owed its weight at every turn; who is owed most is next and pays the total.
    private mutating func mostOwed(_ avoided: Int?, _ hasRoom: (Int) -> Bool) -> Int? {
        var best: Int?
        var total = 0
        for server in candidates where server != avoided && hasRoom(server) {
            owed[server] += servers[server].weight
            total += servers[server].weight
            if let leader = best, owed[server] <= owed[leader] { continue }
            best = server
        }
        if let best { owed[best] -= total }
        return best
    }

    /// Connections by weight; among equals, in turn.
    private mutating func leastLoaded(
        _ avoided: Int?,
        _ load: (Int) -> Int,
        _ hasRoom: (Int) -> Bool
    ) -> Int? {
        var best: (position: Int, load: Int, weight: Int)?
        for step in 0..<candidates.count {
            let position = (cursor + step) % candidates.count
            let server = candidates[position]
            guard server != avoided, hasRoom(server) else { continue }
            let own = max(load(server), 0)
            let weight = servers[server].weight
            if let best, own &* best.weight >= best.load &* weight { continue }
            best = (position, own, weight)
        }
        guard let best else { return nil }
        cursor = (best.position + 1) % candidates.count
        return candidates[best.position]
    }

    /// HAProxy's `random` draws twice by weight and takes the less loaded.
    private mutating func betterOfTwo(
        _ avoided: Int?,
        _ load: (Int) -> Int,
        _ hasRoom: (Int) -> Bool
    ) -> Int? {
        var best: Int?
        for _ in 0..<2 {
            guard let server = draw(), server != avoided, hasRoom(server) else { continue }
            guard let other = best else {
                best = server
                continue
            }
            if load(server) &* servers[other].weight < load(other) &* servers[server].weight {
                best = server
            }
        }
        return best ?? leastLoaded(avoided, load, hasRoom)
    }

    private mutating func draw() -> Int? {
        random = random &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        var rest = Int(random >> 33) % max(totalWeight, 1)
        for server in candidates {
            rest -= servers[server].weight
            if rest < 0 { return server }
        }
        return candidates.last
    }

    // MARK: Candidates

    private mutating func rebuild() {
        let usable = servers.indices.filter { servers[$0].isUsable }
        activeCount = usable.count { !servers[$0].isBackup }
        backupCount = usable.count - activeCount
        let weighty = usable.filter { servers[$0].weight > 0 }
        let active = weighty.filter { !servers[$0].isBackup }
        let backups = weighty.filter { servers[$0].isBackup }
        if !active.isEmpty {
            candidates = active
        } else {
            candidates = allBackups ? backups : Array(backups.prefix(1))
        }
        totalWeight = candidates.reduce(0) { $0 + servers[$1].weight }
        hasEqualWeights = Set(candidates.map { servers[$0].weight }).count <= 1
        cursor = 0
        for index in owed.indices { owed[index] = 0 }
        switch algorithm {
        case .staticRoundRobin, .source: map = spreadMap()
        case .roundRobin, .leastConnections, .first, .random: map = []
        }
    }

    /// The most steps that building a map may take: 10,000 servers of different weights are coarsened.
    private static let mapEffort = 1 << 24

    /// HAProxy's map: as many places as the sum of the weights over their common divisor; each place
    /// goes to the server with the highest score, and the first of equals.
    private func spreadMap() -> [Int] {
        guard !candidates.isEmpty else { return [] }
        var weights = candidates.map { servers[$0].weight }
        let divisor = weights.reduce(0, Self.greatestCommonDivisor)
        weights = weights.map { $0 / max(divisor, 1) }
        while weights.reduce(0, +) * weights.count > Self.mapEffort,
            weights.contains(where: { $0 > 1 })
        {
            weights = weights.map { max($0 / 2, 1) }
        }
        let total = weights.reduce(0, +)
        if Set(weights).count == 1 { return candidates }
        var scores = Array(repeating: 0, count: weights.count)
        var places: [Int] = []
        places.reserveCapacity(total)
        for _ in 0..<total {
            var best = 0
            var highest = Int.min
            for index in weights.indices {
                scores[index] += weights[index]
                let score = (scores[index] + total) / total
                if score > highest {
                    highest = score
                    best = index
                }
            }
            places.append(candidates[best])
            scores[best] -= total
        }
        return places
    }

    private static func greatestCommonDivisor(_ left: Int, _ right: Int) -> Int {
        var (left, right) = (left, right)
        while right != 0 { (left, right) = (right, left % right) }
        return left
    }
}
