import HAProxySyntax
import Primitives
import Rules

/// What a proxy decides by rules; a proxy without any has no book.
final class Rulebook: Sendable {
    /// `use_backend`.
    struct Choice {
        /// Index into the plan's backends.
        let backend: Int
        let condition: Condition?
    }

    let connection: RuleList
    let session: RuleList
    let content: RuleList
    /// How long `content` may wait for bytes, in nanoseconds; 0: not at all.
    let inspectDelay: UInt64
    let choices: [Choice]
    let sticks: [StickRule]
    /// A choice of the backend looks at the client's bytes.
    let choosesByRequest: Bool

    /// Nil: the section has no rules.
    init?(_ section: ProxySection, backends: [String: Int]) {
        choices = section.backendChoices.compactMap { choice in
            backends[choice.backend].map { Choice(backend: $0, condition: choice.condition) }
        }
        connection = section.connectionRules
        session = section.sessionRules
        content = section.contentRules
        inspectDelay = UInt64(clamping: section.inspectDelay?.nanoseconds ?? 0)
        sticks = section.stickRules
        choosesByRequest = choices.contains { $0.condition?.needsRequest ?? false }
        if connection.isEmpty, session.isEmpty, content.isEmpty, choices.isEmpty, sticks.isEmpty {
            return nil
        }
    }
}

/// A proxy by its place in the configuration: what conditions and rules of others refer to.
struct ProxyPlace: Sendable {
    /// Of its frontend; nil: it has none, or does not run.
    var frontendConnections: Gauge?
    /// Index into the plan's backends.
    var backend: Int?
    var table: SharedTable?
}
