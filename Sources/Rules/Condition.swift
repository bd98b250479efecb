/// `if` or `unless` with what follows it: criteria that must all hold, in one group or another (manual §7.2).
package struct Condition: Equatable, Sendable {
    /// An `acl` by name, all lines of which are one criterion, or what stands between braces.
    package struct Term: Equatable, Sendable {
        package var isNegated: Bool
        /// One of them must hold.
        package var anyOf: [Criterion]

        package init(anyOf: [Criterion], isNegated: Bool = false) {
            self.anyOf = anyOf
            self.isNegated = isNegated
        }
    }

    /// `unless`.
    package var isInverted: Bool
    /// One of the groups must hold, and of it all terms.
    package var groups: [[Term]]

    package init(groups: [[Term]], isInverted: Bool = false) {
        self.groups = groups
        self.isInverted = isInverted
    }

    package var needsRequest: Bool {
        groups.contains { $0.contains { $0.anyOf.contains(where: \.sample.needsRequest) } }
    }

    /// See `Criterion.test`; nothing is allocated.
    package func test<Facts: ConnectionFacts>(
        _ facts: inout Facts,
        request: Span<UInt8>,
        isFinal: Bool
    ) -> Truth {
        var result = Truth.no
        for group in groups {
            var all = Truth.yes
            for term in group {
                var any = Truth.no
                for criterion in term.anyOf {
                    any = any.or(criterion.test(&facts, request: request, isFinal: isFinal))
                    if any == .yes { break }
                }
                all = all.and(term.isNegated ? any.negated : any)
                if all == .no { break }
            }
            result = result.or(all)
            if result == .yes { break }
        }
        return isInverted ? result.negated : result
    }
}
