import Primitives

/// How a backend spreads its sessions (HAProxy configuration manual §4.2, `balance`).
package enum BalanceAlgorithm: Sendable {
    case roundRobin
    case leastConnections
    case source
    case first
    case random
}

/// One server as the choice sees it.
package struct Candidate: Sendable {
    /// 0 to 256; a server of weight 0 takes nothing new.
    package var weight: Int
    /// Up, not in maintenance, and with an address.
    package var isUsable: Bool
    package var isBackup: Bool
    package var sessions: Int
    /// 0: no limit.
    package var limit: Int

    package init(weight: Int, isUsable: Bool, isBackup: Bool, sessions: Int, limit: Int) {
        self.weight = weight
        self.isUsable = isUsable
        self.isBackup = isBackup
        self.sessions = sessions
        self.limit = limit
    }

    var hasRoom: Bool { limit == 0 || sessions < limit }
}

/// What the choice came to.
package enum Choice: Equatable, Sendable {
    case server(Int)
    /// Every usable server is at its limit.
    case allFull
    case noneUsable
}

/// Chooses a server of one backend. It keeps the rotation; who is up and how busy it asks.
///
/// Backup servers count only when no other is usable: the first usable one, or all with `option allbackups`
/// (HAProxy configuration manual §5.2, `backup`).
package struct Balancer: Sendable {
    private let algorithm: BalanceAlgorithm
    private let usesAllBackups: Bool
    /// Smooth weighted rotation: whoever has waited for the most weight is next.
    private var credits: [Int]
    private var generator: SeededGenerator

    package init(
        algorithm: BalanceAlgorithm,
        servers: Int,
        usesAllBackups: Bool,
        seed: UInt64 = 0
    ) {
        self.algorithm = algorithm
        self.usesAllBackups = usesAllBackups
        credits = Array(repeating: 0, count: servers)
        generator = SeededGenerator(seed: seed)
    }

    /// `client` is a number that stands for the client's address; `avoided` is passed over while there is
    /// another (a redispatch).
    package mutating func choose(
        client: UInt64,
        avoiding avoided: Int? = nil,
        candidate: (Int) -> Candidate
    ) -> Choice {
        let group = eligible(candidate)
        guard group != .none else { return .noneUsable }
        if let avoided, let index = pick(group, client, except: avoided, candidate) {
            return .server(index)
        }
        guard let index = pick(group, client, except: nil, candidate) else { return .allFull }
        return .server(index)
    }

    private enum Group: Equatable {
        case none
        case active
        case backups
        case oneBackup(Int)
    }

    private func eligible(_ candidate: (Int) -> Candidate) -> Group {
        var firstBackup: Int?
        for index in credits.indices {
            let server = candidate(index)
            guard server.isUsable, server.weight > 0 else { continue }
            if !server.isBackup { return .active }
            firstBackup = firstBackup ?? index
        }
        guard let firstBackup else { return .none }
        return usesAllBackups ? .backups : .oneBackup(firstBackup)
    }

    private func belongs(_ index: Int, _ server: Candidate, to group: Group) -> Bool {
        guard server.isUsable, server.weight > 0, server.hasRoom else { return false }
        return switch group {
        case .none: false
        case .active: !server.isBackup
        case .backups: server.isBackup
        case .oneBackup(let only): index == only
        }
    }

    private mutating func pick(
        _ group: Group,
        _ client: UInt64,
        except avoided: Int?,
        _ candidate: (Int) -> Candidate
    ) -> Int? {
        switch algorithm {
        case .roundRobin: rotate(group, except: avoided, candidate)
        case .leastConnections: leastLoaded(group, except: avoided, candidate)
        case .first: firstWithRoom(group, except: avoided, candidate)
        case .source: weighted(by: client, group, except: avoided, candidate)
        case .random: weighted(by: generator.next(), group, except: avoided, candidate)
        }
    }

    private mutating func rotate(
        _ group: Group,
        except avoided: Int?,
        _ candidate: (Int) -> Candidate
    ) -> Int? {
        var total = 0
        var best: Int?
        for index in credits.indices {
            let server = candidate(index)
            guard index != avoided, belongs(index, server, to: group) else { continue }
            total += server.weight
            credits[index] += server.weight
            if best.map({ credits[index] > credits[$0] }) ?? true { best = index }
        }
        if let best { credits[best] -= total }
        return best
    }

    /// Fewest sessions for its weight; between equals the one that has waited longest.
    private mutating func leastLoaded(
        _ group: Group,
        except avoided: Int?,
        _ candidate: (Int) -> Candidate
    ) -> Int? {
        var best: (index: Int, server: Candidate)?
        for index in credits.indices {
            let server = candidate(index)
            guard index != avoided, belongs(index, server, to: group) else { continue }
            guard let chosen = best else {
                best = (index, server)
                continue
            }
            let load = server.sessions * chosen.server.weight
            let least = chosen.server.sessions * server.weight
            if load < least || (load == least && credits[index] < credits[chosen.index]) {
                best = (index, server)
            }
        }
        guard let best else { return nil }
        credits[best.index] &+= 1
        return best.index
    }

    private func firstWithRoom(
        _ group: Group,
        except avoided: Int?,
        _ candidate: (Int) -> Candidate
    ) -> Int? {
        credits.indices.first { $0 != avoided && belongs($0, candidate($0), to: group) }
    }

    private func weighted(
        by number: UInt64,
        _ group: Group,
        except avoided: Int?,
        _ candidate: (Int) -> Candidate
    ) -> Int? {
        var total = 0
        for index in credits.indices where index != avoided {
            let server = candidate(index)
            if belongs(index, server, to: group) { total += server.weight }
        }
        guard total > 0 else { return nil }
        var rest = Int(number % UInt64(total))
        for index in credits.indices where index != avoided {
            let server = candidate(index)
            guard belongs(index, server, to: group) else { continue }
            rest -= server.weight
            if rest < 0 { return index }
        }
        return nil
    }
}
