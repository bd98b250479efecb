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

/// `hash-type`, for `balance source`.
package struct HashType: Equatable, Sendable {
    /// Nearest point on a ring, instead of a map of all places.
    package var isConsistent: Bool
    /// The address's hash is spread once more.
    package var avalanches: Bool

    package init(isConsistent: Bool = false, avalanches: Bool = false) {
        self.isConsistent = isConsistent
        self.avalanches = avalanches
    }
}

/// Whose turn it is (`roundrobin`, `static-rr`).
///
/// It is all that choosing in turn remembers: who has several balancers of one backend lends each of them the same turn,
/// so that they go on where another one has stopped.
package struct Turn: Equatable, Sendable {
    /// Counted up with each choice; what is left of it by the number of places is the next place.
    package var count: UInt = 0
    /// Instead, where weights differ.
    package var weighted = WeightedTurns([])

    package init() {}
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
    /// Usable servers that are no backups, and usable backups; one of weight 0 takes nothing new and counts as none.
    package private(set) var activeCount = 0
    package private(set) var backupCount = 0

    /// Who takes part now, in the order of the file (`first`: of the identifiers): active servers, else backups.
    package private(set) var candidates: [Int] = []
    private var hasEqualWeights = true
    private var totalWeight = 0
    package var turn = Turn()
    private let hashType: HashType
    /// How much a weight of 1 counts here: more where a slow start needs steps in between.
    private let weightScale: Int
    private var ring: HashRing?
    /// leastconn: HAProxy's order of the servers, by their load when it last changed, and since when.
    private var loadKeys: [Int]
    private var loadStamps: [Int]
    private var stamp = 0
    /// static-rr and source: as many entries a server as its weight, spread.
    private var map: [Int] = []
    private var random: UInt64
    private let draws: Int
    private let identifiers: [Int]

    /// It remembers whose turn it is.
    package var choosesInTurn: Bool { algorithm == .roundRobin || algorithm == .staticRoundRobin }
    /// What it remembers is more than a count.
    package private(set) var hasWeightedTurns = false

    /// `draws` of `random`, the least loaded of which is taken; `seed` decides the draws of `random`; `identifiers` are the servers' `id`, by default their places from 1;
    /// `fullWeights` are the most that they may have, by default what they have now.
    package init(
        algorithm: BalancingAlgorithm,
        servers: [BalancedServer],
        allBackups: Bool = false,
        hashType: HashType = HashType(),
        identifiers: [Int]? = nil,
        weightScale: Int = 1,
        fullWeights: [Int]? = nil,
        draws: Int = 2,
        seed: UInt64 = 1
    ) {
        self.algorithm = algorithm
        self.allBackups = allBackups
        self.servers = servers
        self.hashType = hashType
        self.weightScale = max(weightScale, 1)
        loadKeys = Array(repeating: 0, count: servers.count)
        loadStamps = Array(servers.indices)
        stamp = servers.count
        random = seed
        self.draws = max(draws, 1)
        self.identifiers = identifiers ?? servers.indices.map { $0 + 1 }
        if algorithm == .source, hashType.isConsistent {
            ring = HashRing(
                identifiers: self.identifiers,
                weights: (fullWeights ?? servers.map(\.weight)).map {
                    $0 * HashRing.pointsOfWeight / self.weightScale
                }
            )
        }
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
            let server = server(ofSource: sourceHash, avoided)
            return hasRoom(server) ? .server(server) : .busy(server)
        case .roundRobin:
            let server =
                hasEqualWeights
                ? nextInTurn(candidates, avoided, hasRoom)
                : turn.weighted.next(avoiding: avoided, hasRoom)
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
            let server = bestOfDraws(avoided, load, hasRoom)
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
        guard !list.isEmpty else { return nil }
        var position = Int(turn.count % UInt(list.count))
        for step in 0..<UInt(list.count) {
            let server = list[position]
            position = position + 1 == list.count ? 0 : position + 1
            guard server != avoided, hasRoom(server) else { continue }
            turn.count &+= step &+ 1
            return server
        }
        return nil
    }

    private func server(ofSource hash: UInt32, _ avoided: Int?) -> Int {
        guard candidates.count > 1 else { return candidates[0] }
        let hash = hashType.avalanches ? SourceHash.spread(hash) : hash
        if let server = ring?.server(nearest: hash, where: { $0 != avoided }) { return server }
        return map.isEmpty ? candidates[0] : map[Int(hash) % map.count]
    }

    /// A server has taken or released a connection: among equals, it comes last from here on (leastconn).
    package mutating func loadChanged(_ index: Int, to load: Int) {
        let key = loadKey(of: index, load)
        guard loadKeys[index] != key else { return }
        loadKeys[index] = key
        loadStamps[index] = stamp
        stamp &+= 1
    }

    /// As if the server had the connection already, so that weights count before it is chosen; but one without any
    /// comes first whatever its weight.
    private func loadKey(of index: Int, _ load: Int) -> Int {
        guard load > 0 else { return 0 }
        return (load &+ 1) &* 4096 / max(servers[index].weight * 16 / weightScale, 1)
    }

    private mutating func leastLoaded(
        _ avoided: Int?,
        _ load: (Int) -> Int,
        _ hasRoom: (Int) -> Bool
    ) -> Int? {
        var best: Int?
        for server in candidates {
            loadChanged(server, to: load(server))
            guard server != avoided, hasRoom(server) else { continue }
            if let best, !comes(server, before: best) { continue }
            best = server
        }
        return best
    }

    private func comes(_ left: Int, before right: Int) -> Bool {
        if loadKeys[left] != loadKeys[right] { return loadKeys[left] < loadKeys[right] }
        return loadStamps[left] < loadStamps[right]
    }

    /// HAProxy's `random` draws by weight, twice unless told otherwise, and takes the least loaded.
    private mutating func bestOfDraws(
        _ avoided: Int?,
        _ load: (Int) -> Int,
        _ hasRoom: (Int) -> Bool
    ) -> Int? {
        var best: Int?
        for _ in 0..<draws {
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
        let usable = servers.indices.filter { servers[$0].isUsable && servers[$0].weight > 0 }
        var active = usable.filter { !servers[$0].isBackup }
        let backups = usable.filter { servers[$0].isBackup }
        activeCount = active.count
        backupCount = backups.count
        if algorithm == .first { active.sort { identifiers[$0] < identifiers[$1] } }
        if !active.isEmpty {
            candidates = active
        } else {
            candidates = allBackups ? backups : Array(backups.prefix(1))
            if algorithm == .first { candidates.sort { identifiers[$0] < identifiers[$1] } }
        }
        totalWeight = candidates.reduce(0) { $0 + servers[$1].weight }
        hasEqualWeights = Set(candidates.map { servers[$0].weight }).count <= 1
        hasWeightedTurns = algorithm == .roundRobin && !hasEqualWeights
        switch algorithm {
        case .staticRoundRobin: map = spreadMap()
        case .source:
            map = hashType.isConsistent ? [] : spreadMap()
            if hashType.isConsistent { spreadRing() }
        case .roundRobin: updateTurns()
        case .leastConnections, .first, .random: break
        }
    }

    /// Brings a turn that was lent up to the servers of now: those that stay keep their places.
    package mutating func updateTurns() {
        guard algorithm == .roundRobin else { return }
        turn.weighted.update(
            hasEqualWeights ? [] : candidates.map { ($0, servers[$0].weight) }
        )
    }

    private mutating func spreadRing() {
        var counts = Array(repeating: 0, count: servers.count)
        for server in candidates {
            counts[server] = servers[server].weight * HashRing.pointsOfWeight / weightScale
        }
        ring?.setPoints(counts)
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
