/// Weighted round robin as HAProxy places it.
///
/// A window has as many places as all weights together. A server's turns stand evenly spread in it: after each one its
/// next place is the window's length over its weight further on, with the remainder kept. Servers that have no place yet
/// enter where one is free, the heaviest first; those whose next place lies beyond the window wait for the next one.
package struct WeightedTurns: Equatable, Sendable {
    private enum Standing {
        /// No place in this window yet.
        case fresh
        case placed
        /// Done with this window.
        case aside
    }

    private struct Runner: Equatable {
        let server: Int
        var weight: Int
        var standing = Standing.fresh
        var place = 0
        /// Of the turn that it had last.
        var lastPlace = 0
        var remainder = 0
        /// Among equals, who came first.
        var arrival = 0
    }

    private var runners: [Runner] = []
    private var window: Int
    /// Of the next window, after weights have changed.
    private var nextWindow: Int
    private var now: Int
    private var arrivals = 0

    /// Servers with a weight of 1 or more, in the order of the file.
    package init(_ servers: [(server: Int, weight: Int)]) {
        window = servers.reduce(0) { $0 + $1.weight }
        nextWindow = window
        now = window
        for (server, weight) in servers {
            runners.append(Runner(server: server, weight: weight, arrival: arrivals))
            arrivals += 1
        }
    }

    /// Who takes part from now on, in the order of the file, and with what weight. Who stays keeps its place, or a
    /// nearer one where its weight has grown; who comes enters as if it had just had a turn (HAProxy's
    /// fwrr_update_server_weight and fwrr_set_server_status_up).
    package mutating func update(_ servers: [(server: Int, weight: Int)]) {
        guard !servers.isEmpty, !runners.isEmpty else {
            if servers.isEmpty != runners.isEmpty { self = WeightedTurns(servers) }
            return
        }
        let isSame =
            servers.count == runners.count
            && zip(servers, runners).allSatisfy {
                $0.server == $1.server && $0.weight == $1.weight
            }
        if isSame { return }
        nextWindow = servers.reduce(0) { $0 + $1.weight }
        // So different a window would not be worn off for thousands of turns.
        if nextWindow > 2 * window || 2 * nextWindow < window {
            self = WeightedTurns(servers)
            return
        }
        let former = Dictionary(
            runners.map { ($0.server, $0) },
            uniquingKeysWith: { first, _ in first }
        )
        runners = servers.map { server, weight in
            guard var runner = former[server] else {
                var runner = Runner(server: server, weight: weight, arrival: arrivals)
                arrivals &+= 1
                runner.place = now + (nextWindow + window - now) / weight
                runner.standing = standing(at: runner.place)
                return runner
            }
            guard runner.weight != weight else { return runner }
            runner.weight = weight
            guard runner.standing == .placed else { return runner }
            let step = nextWindow / weight
            runner.place = min(runner.place, runner.lastPlace + step)
            if runner.place < now + 2 { runner.place = now + step }
            runner.remainder = 0
            runner.standing = standing(at: runner.place)
            return runner
        }
    }

    /// In this window or the next.
    private func standing(at place: Int) -> Standing {
        place >= window + nextWindow ? .aside : .placed
    }

    /// Nil: none has room, the one to be avoided aside.
    package mutating func next(avoiding avoided: Int?, _ hasRoom: (Int) -> Bool) -> Int? {
        // Who is passed over has lost the turn all the same, and is put back below.
        var passed: [Int] = []
        var hasTurned = false
        var found: Int?
        while found == nil {
            guard let runner = first(except: passed) else {
                if hasTurned { break }
                hasTurned = true
                turnWindow(except: passed)
                continue
            }
            advance(runner)
            now += 1
            if runners[runner].server != avoided, hasRoom(runners[runner].server) {
                found = runner
            } else {
                passed.append(runner)
            }
        }
        if let found { settle(found) }
        for runner in passed.reversed() {
            if hasTurned {
                runners[runner].standing = .fresh
                arrive(runner)
            } else {
                settle(runner)
            }
        }
        return found.map { runners[$0].server }
    }

    /// Whose turn it is.
    private mutating func first(except passed: [Int]) -> Int? {
        var placed: Int?
        var fresh: Int?
        for index in runners.indices where !passed.contains(index) {
            switch runners[index].standing {
            case .placed:
                if let other = placed, !stands(index, before: other) { continue }
                placed = index
            case .fresh:
                if let other = fresh, !enters(index, before: other) { continue }
                fresh = index
            case .aside: continue
            }
        }
        if let placed, runners[placed].place <= now { return placed }
        guard let fresh else { return placed }
        runners[fresh].place = 0
        runners[fresh].remainder = 0
        return fresh
    }

    private func stands(_ left: Int, before right: Int) -> Bool {
        let (left, right) = (runners[left], runners[right])
        return (left.place, left.remainder - left.weight, left.arrival)
            < (right.place, right.remainder - right.weight, right.arrival)
    }

    private func enters(_ left: Int, before right: Int) -> Bool {
        let (left, right) = (runners[left], runners[right])
        return (-left.weight, left.arrival) < (-right.weight, right.arrival)
    }

    private mutating func advance(_ runner: Int) {
        if runners[runner].place == 0 { runners[runner].place = now }
        runners[runner].lastPlace = runners[runner].place
        // A weight that has just grown may be beyond the window of now.
        runners[runner].place += max(window / runners[runner].weight, 1)
        runners[runner].remainder += window % runners[runner].weight
        if runners[runner].remainder >= runners[runner].weight {
            runners[runner].remainder -= runners[runner].weight
            runners[runner].place += 1
        }
    }

    /// To its next place, in this window or the next.
    private mutating func settle(_ runner: Int) {
        runners[runner].standing = standing(at: runners[runner].place)
        arrive(runner)
    }

    private mutating func arrive(_ runner: Int) {
        runners[runner].arrival = arrivals
        arrivals &+= 1
    }

    private mutating func turnWindow(except passed: [Int]) {
        window = nextWindow
        now = window
        for index in runners.indices where runners[index].standing == .aside {
            runners[index].standing = .fresh
        }
    }
}
