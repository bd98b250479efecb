import Primitives
import Testing

@testable import Balancing

@Suite struct TurnTests {
    private func servers(_ weights: Int...) -> [BalancedServer] {
        weights.map { BalancedServer(weight: $0) }
    }

    private func place(_ balancer: inout Balancer) -> Int {
        switch balancer.choose() {
        case .server(let server): server
        case .busy, .none: -1
        }
    }

    @Test("A server of weight 0 takes nothing new and counts as none")
    func weightZero() {
        var balancer = Balancer(
            algorithm: .roundRobin,
            servers: [
                BalancedServer(), BalancedServer(weight: 0),
                BalancedServer(weight: 0, isBackup: true), BalancedServer(isBackup: true),
            ]
        )
        #expect(balancer.activeCount == 1)
        #expect(balancer.backupCount == 1)
        #expect(balancer.candidates == [0])
        balancer.update(0, to: BalancedServer(weight: 0))
        #expect(balancer.activeCount == 0)
        #expect(balancer.candidates == [3])
    }

    @Test("A change of one server does not send the next connection to the first of them")
    func goesOn() {
        var balancer = Balancer(algorithm: .roundRobin, servers: servers(1, 1, 1, 1))
        var chosen: [Int] = []
        for number in 0..<40 {
            chosen.append(place(&balancer))
            balancer.update(3, to: BalancedServer(isUsable: number % 2 == 0))
        }
        for server in 0..<3 {
            let share = chosen.count { $0 == server }
            #expect((5...20).contains(share), "\(server): \(share) in \(chosen)")
        }
    }

    @Test(
        "Several balancers with one turn choose as one of them would",
        arguments: [[1, 1, 1], [3, 1, 2], [256, 1, 100]]
    )
    func oneTurn(weights: [Int]) {
        let list = weights.map { BalancedServer(weight: $0) }
        var alone = Balancer(algorithm: .roundRobin, servers: list)
        var several = (0..<4).map { _ in Balancer(algorithm: .roundRobin, servers: list) }
        var turn = several[0].turn
        var random = SeededGenerator(seed: 5)
        for _ in 0..<2000 {
            let worker = Int(random.next() % 4)
            several[worker].turn = turn
            several[worker].updateTurns()
            #expect(place(&several[worker]) == place(&alone))
            turn = several[worker].turn
        }
    }

    @Test("A weight that grows in steps does not begin the round anew")
    func slowStart() {
        var turns = WeightedTurns([(0, 16), (1, 16), (2, 1)])
        var counts = [0, 0, 0]
        for weight in 1...16 {
            turns.update([(0, 16), (1, 16), (2, weight)])
            // Few connections between two steps.
            for _ in 0..<3 { counts[turns.next(avoiding: nil) { _ in true } ?? 0] += 1 }
        }
        // Whoever is heaviest does not get them all.
        #expect(abs(counts[0] - counts[1]) <= 4, "\(counts)")
        #expect(counts[2] > 0 && counts[2] < counts[0], "\(counts)")
    }

    @Test("Whatever changes, shares follow the weights", arguments: 0..<30 as Range<UInt64>)
    func shares(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        var turns = WeightedTurns([])
        var list: [(server: Int, weight: Int)] = []
        for _ in 0..<60 {
            list = (0..<6).compactMap { server in
                let weight = random.next() % 3 == 0 ? 0 : Int(random.next() % 256) + 1
                return weight == 0 ? nil : (server, weight)
            }
            turns.update(list)
            for _ in 0..<Int(random.next() % 40) {
                let server = turns.next(avoiding: nil) { _ in true }
                #expect(server == nil || list.contains { $0.server == server })
                #expect((server == nil) == list.isEmpty)
            }
        }
        let whole = list.reduce(0) { $0 + $1.weight }
        guard whole > 0 else { return }
        // What is left of the former weights passes within two windows.
        for _ in 0..<(2 * 6 * 256) { _ = turns.next(avoiding: nil) { _ in true } }
        var counts: [Int: Int] = [:]
        for _ in 0..<(4 * whole) {
            counts[turns.next(avoiding: nil) { _ in true } ?? -1, default: 0] += 1
        }
        for (server, weight) in list {
            let count = counts[server] ?? 0
            #expect(abs(count - 4 * weight) <= 8, "\(server) of \(list): \(count)")
        }
    }

    @Test("First goes by the identifiers")
    func identifiers() {
        var balancer = Balancer(
            algorithm: .first,
            servers: servers(1, 1, 1),
            identifiers: [30, 10, 20]
        )
        #expect(balancer.choose() == .server(1))
        #expect(balancer.choose(hasRoom: { $0 != 1 }) == .server(2))
    }

    @Test("More draws find less loaded servers")
    func draws() {
        func mean(_ draws: Int) -> Double {
            var balancer = Balancer(
                algorithm: .random,
                servers: Array(repeating: BalancedServer(), count: 20),
                draws: draws,
                seed: 3
            )
            var sum = 0
            for _ in 0..<2000 {
                if case .server(let server) = balancer.choose(load: { $0 }) { sum += server }
            }
            return Double(sum) / 2000
        }
        #expect(mean(1) > 8)
        #expect((5...7.5).contains(mean(2)))
        #expect(mean(5) < 4)
    }
}
