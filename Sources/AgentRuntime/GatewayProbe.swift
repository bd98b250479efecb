import Primitives
import VRRP

/// When one gateway is asked whether it is there, and what its silence comes to.
struct GatewayProbe: Equatable, Sendable {
    enum News: Equatable, Sendable {
        case answers
        case silent
    }

    /// Questions in a row without an answer that are silence.
    static let patience = 3
    /// Gateways limit how much ARP they answer.
    static let shortestPeriod: Duration = .milliseconds(100)
    static let longestPeriod: Duration = .seconds(1)

    /// The time between two questions: silence is known after four of them at the latest, which is before the
    /// master-down interval of any router that advertises less often than every 134 ms.
    private(set) var period: Duration
    private(set) var askAt: Instant
    /// What is known; nil: nothing yet.
    private(set) var known: News?
    private var isAsked = false
    private var unanswered = 0

    init(for advertisementInterval: Duration, at now: Instant) {
        period = Self.period(for: advertisementInterval)
        askAt = now
    }

    /// Another router with this gateway, which may be in more of a hurry.
    mutating func serve(_ advertisementInterval: Duration) {
        period = min(period, Self.period(for: advertisementInterval))
    }

    private static func period(for advertisementInterval: Duration) -> Duration {
        max(min(advertisementInterval / 2, longestPeriod), shortestPeriod)
    }

    /// To be called when `askAt` has come, and the gateway then asked.
    mutating func ask(at now: Instant) -> News? {
        if isAsked { unanswered += 1 }
        isAsked = true
        askAt = now + period
        return unanswered >= Self.patience ? learn(.silent) : nil
    }

    mutating func answered() -> News? {
        isAsked = false
        unanswered = 0
        return learn(.answers)
    }

    /// Nil when it is no news.
    private mutating func learn(_ news: News) -> News? {
        guard known != news else { return nil }
        known = news
        return news
    }
}

/// A gateway by way of one interface.
struct GatewayKey: Hashable, Sendable {
    var interface: String
    var address: IPAddress
}

/// Whom a router's shell asks for it.
enum RouterWitness: Equatable, Sendable {
    /// Not looked for yet, or not wanted.
    case none
    /// There is no gateway that could be asked: nothing is known against this node.
    case nobody
    case gateway(GatewayKey)
}
