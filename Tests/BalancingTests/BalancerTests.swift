import Primitives
import Testing

@testable import Balancing

@Suite struct BalancerTests {
    private func sequence(_ balancer: inout Balancer, _ count: Int) -> [Int] {
        (0..<count).compactMap { _ in
            if case .server(let index) = balancer.choose() { return index }
            return nil
        }
    }

    private func servers(_ weights: Int...) -> [BalancedServer] {
        weights.map { BalancedServer(weight: $0) }
    }

    @Test(
        "Round robin takes servers in the order of the file and spreads weights",
        arguments: [
            ([1, 1, 1], [0, 1, 2, 0, 1, 2]),
            ([3, 1], [0, 0, 0, 1, 0, 0, 0, 1]),
            ([1, 0, 1], [0, 2, 0, 2]),
            ([256, 256], [0, 1, 0, 1]),
        ]
    )
    func roundRobin(weights: [Int], expected: [Int]) {
        var balancer = Balancer(
            algorithm: .roundRobin,
            servers: weights.map { BalancedServer(weight: $0) }
        )
        #expect(sequence(&balancer, expected.count) == expected)
    }

    @Test(
        "Over a whole period every server gets its weight",
        arguments: [[5, 3, 2], [7, 1], [1, 2]]
    )
    func shares(weights: [Int]) {
        for algorithm in [BalancingAlgorithm.roundRobin, .staticRoundRobin] {
            var balancer = Balancer(
                algorithm: algorithm,
                servers: weights.map { BalancedServer(weight: $0) }
            )
            let period = weights.reduce(0, +)
            let chosen = sequence(&balancer, period * 3)
            for (index, weight) in weights.enumerated() {
                #expect(chosen.count { $0 == index } == weight * 3)
            }
        }
    }

    @Test("Only the first backup serves, and only when no active server does")
    func backups() {
        var list = servers(1, 1, 1)
        list[1].isBackup = true
        list[2].isBackup = true
        var balancer = Balancer(algorithm: .roundRobin, servers: list)
        #expect(sequence(&balancer, 3) == [0, 0, 0])
        list[0].isUsable = false
        balancer.update(0, to: list[0])
        #expect(sequence(&balancer, 3) == [1, 1, 1])
        #expect(balancer.activeCount == 0)
        #expect(balancer.backupCount == 2)
        var all = Balancer(algorithm: .roundRobin, servers: list, allBackups: true)
        #expect(sequence(&all, 4) == [1, 2, 1, 2])
    }

    @Test("Nothing usable is none; full is busy; the avoided server is the last choice")
    func refusals() {
        var list = servers(1, 1)
        var balancer = Balancer(algorithm: .roundRobin, servers: list)
        #expect(balancer.choose(avoiding: 0) == .server(1))
        #expect(balancer.choose(avoiding: 0) == .server(1))
        #expect(balancer.choose(hasRoom: { _ in false }) == .busy(nil))
        #expect(balancer.choose(avoiding: 0, hasRoom: { $0 == 0 }) == .server(0))
        for index in list.indices {
            list[index].isUsable = false
            balancer.update(index, to: list[index])
        }
        #expect(balancer.choose() == .none)
    }

    @Test("Least connections weighs the load, and takes turns among equals")
    func leastConnections() {
        var balancer = Balancer(algorithm: .leastConnections, servers: servers(1, 1, 2))
        // Each is left again at once: who was used last comes last.
        let idle = (0..<4).map { _ in
            let choice = balancer.choose()
            if case .server(let server) = choice {
                balancer.loadChanged(server, to: 1)
                balancer.loadChanged(server, to: 0)
            }
            return choice
        }
        #expect(idle == [.server(0), .server(1), .server(2), .server(0)])
        #expect(balancer.choose(load: { [4, 3, 5][$0] }) == .server(2))
        #expect(balancer.choose(load: { [4, 2, 6][$0] }) == .server(1))
        // One without connections comes before one with more weight.
        #expect(balancer.choose(load: { [0, 1, 1][$0] }) == .server(0))
    }

    @Test("Weighted turns pass over who is full or avoided, and end when all are")
    func weightedTurnsPassOver() {
        var balancer = Balancer(algorithm: .roundRobin, servers: servers(3, 1, 2))
        for _ in 0..<20 {
            #expect(balancer.choose(hasRoom: { $0 != 0 }) != .server(0))
            #expect(balancer.choose(avoiding: 1) != .server(1))
            #expect(balancer.choose(hasRoom: { _ in false }) == .busy(nil))
            #expect(balancer.choose(avoiding: 2, hasRoom: { $0 == 2 }) == .server(2))
        }
        let after = sequence(&balancer, 600)
        for (server, share) in [300, 100, 200].enumerated() {
            #expect(abs(after.count { $0 == server } - share) <= 6)
        }
    }

    @Test("A server that goes moves only its own clients; one that comes back has them again")
    func consistentSource() {
        var list = servers(1, 2, 1, 1)
        var balancer = Balancer(
            algorithm: .source,
            servers: list,
            hashType: HashType(isConsistent: true, avalanches: true)
        )
        func placed() -> [Choice] {
            (0..<2000).map { balancer.choose(sourceHash: 0x0A00_0000 + UInt32($0) * 77) }
        }
        let before = placed()
        for server in list.indices {
            let share = before.count { $0 == .server(server) }
            #expect((200...1200).contains(share), "\(server): \(share)")
        }
        list[2].isUsable = false
        balancer.update(2, to: list[2])
        let without = placed()
        for (old, new) in zip(before, without) {
            #expect(old == new || old == .server(2))
            #expect(new != .server(2))
        }
        list[2].isUsable = true
        balancer.update(2, to: list[2])
        #expect(placed() == before)
    }

    @Test("Ten thousand servers of the largest weight fit on a ring")
    func largeRing() {
        var ring = HashRing(
            identifiers: Array(1...10_000),
            weights: Array(repeating: 4096, count: 10_000)
        )
        ring.setPoints(Array(repeating: 4096, count: 10_000))
        #expect(ring.server(nearest: 7, where: { _ in true }) != nil)
        ring.setPoints((0..<10_000).map { $0 == 77 ? 1 : 0 })
        #expect(ring.server(nearest: 7, where: { _ in true }) == 77)
        #expect(ring.server(nearest: 7, where: { _ in false }) == nil)
    }

    @Test("A source stays with its server, and its server's queue")
    func source() {
        var balancer = Balancer(algorithm: .source, servers: servers(1, 1, 1))
        let hash = SourceHash.of(.v4(IPv4Address(192, 0, 2, 7)))
        #expect(hash == 0xC000_0207)
        let first = balancer.choose(sourceHash: hash)
        #expect(first == .server(Int(hash) % 3))
        #expect(balancer.choose(sourceHash: hash) == first)
        #expect(balancer.choose(sourceHash: hash, hasRoom: { _ in false }) == .busy(Int(hash) % 3))
        #expect(balancer.choose(sourceHash: hash &+ 1) != first)
    }

    @Test("First fills servers in their order")
    func first() {
        var balancer = Balancer(algorithm: .first, servers: servers(1, 1))
        #expect(balancer.choose() == .server(0))
        #expect(balancer.choose(hasRoom: { $0 == 1 }) == .server(1))
        #expect(balancer.choose(hasRoom: { _ in false }) == .busy(nil))
    }

    @Test("Random reaches every server by weight, and the same seed draws the same")
    func random() {
        var one = Balancer(algorithm: .random, servers: servers(1, 3), seed: 7)
        var two = Balancer(algorithm: .random, servers: servers(1, 3), seed: 7)
        let chosen = sequence(&one, 1000)
        #expect(chosen == sequence(&two, 1000))
        let light = chosen.count { $0 == 0 }
        #expect((10...400).contains(light))
    }

    @Test("Ten thousand servers of many weights are mapped in bounded time")
    func manyServers() {
        let list = (0..<10_000).map { BalancedServer(weight: $0 % 256 + 1) }
        var balancer = Balancer(algorithm: .source, servers: list)
        #expect(balancer.choose(sourceHash: 12345) != .none)
    }
}
