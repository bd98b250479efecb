import Primitives

/// What a criterion looks at (HAProxy configuration manual §7.3); proxies by their place in the configuration.
package enum Sample: Equatable, Sendable {
    case always(Bool)
    /// True once nothing more is waited for.
    case waitEnd
    case source
    case sourcePort
    case destination
    case destinationPort
    case entranceConnections
    case frontendConnections(proxy: Int)
    case backendConnections(proxy: Int)
    case backendQueue(proxy: Int)
    case usableServers(proxy: Int)
    case freeSlots(proxy: Int)
    case sourceCounter(TableCounter, proxy: Int)
    case trackedCounter(TableCounter, place: Int)
    case requestLength
    /// `length` 0: all from the offset on.
    case payload(offset: Int, length: Int)
    case helloType
    case serverName

    package enum Kind: Sendable {
        case boolean
        case integer
        case address
        case text
        case binary
    }

    package var kind: Kind {
        switch self {
        case .always, .waitEnd: .boolean
        case .source, .destination: .address
        case .sourcePort, .destinationPort, .entranceConnections, .frontendConnections,
            .backendConnections, .backendQueue, .usableServers, .freeSlots, .sourceCounter,
            .trackedCounter, .requestLength, .helloType:
            .integer
        case .payload: .binary
        case .serverName: .text
        }
    }

    /// Looks at what the client sends.
    package var needsRequest: Bool {
        switch self {
        case .waitEnd, .requestLength, .payload, .helloType, .serverName: true
        case .always, .source, .sourcePort, .destination, .destinationPort, .entranceConnections,
            .frontendConnections, .backendConnections, .backendQueue, .usableServers, .freeSlots,
            .sourceCounter, .trackedCounter:
            false
        }
    }
}

/// What a sample is compared with.
package enum Pattern: Equatable, Sendable {
    /// `-m found`: there is a value, whatever it is.
    case found
    /// `-m bool`: it is true, or not 0.
    case truth
    case integers([ClosedRange<Int>])
    case addresses(AddressSet)
    case text(TextMatch)
    /// `-m len`.
    case lengths([ClosedRange<Int>])
}

/// A sample and what it is compared with: one `acl` line, or what stands between braces.
package struct Criterion: Equatable, Sendable {
    package var sample: Sample
    package var pattern: Pattern

    package init(_ sample: Sample, _ pattern: Pattern) {
        self.sample = sample
        self.pattern = pattern
    }

    /// HAProxy's largest buffer: what reaches beyond it never matches.
    package static let requestLimit = 16_384

    /// Whether it holds of what the client has sent so far (`request`); `isFinal`: no more of it is waited for.
    package func test<Facts: ConnectionFacts>(
        _ facts: inout Facts,
        request: Span<UInt8>,
        isFinal: Bool
    ) -> Truth {
        switch sample {
        case .always(let value): return Truth(matches(value ? 1 : 0))
        case .waitEnd: return isFinal ? .yes : .unknown
        case .source: return matches(facts.source)
        case .destination: return matches(facts.destination)
        case .sourcePort: return Truth(matches(facts.sourcePort))
        case .destinationPort: return Truth(matches(facts.destinationPort))
        case .entranceConnections: return Truth(matches(facts.entranceConnections))
        case .frontendConnections(let proxy):
            return Truth(matches(facts.connections(ofFrontend: proxy)))
        case .backendConnections(let proxy):
            return Truth(matches(facts.connections(ofBackend: proxy)))
        case .backendQueue(let proxy): return Truth(matches(facts.queued(inBackend: proxy)))
        case .usableServers(let proxy):
            return Truth(matches(facts.usableServers(ofBackend: proxy)))
        case .freeSlots(let proxy): return Truth(matches(facts.freeSlots(ofBackend: proxy)))
        case .sourceCounter(let counter, let proxy):
            return Truth(facts.counter(counter, ofSourceIn: proxy).map(matches) ?? false)
        case .trackedCounter(let counter, let place):
            return Truth(facts.counter(counter, trackedAt: place).map(matches) ?? false)
        case .requestLength:
            // More may come: only a match is certain.
            return matches(request.count) ? .yes : isFinal ? .no : .unknown
        case .payload(let offset, let length):
            guard offset <= Self.requestLimit - length else { return .no }
            guard request.count >= offset + length, length > 0 || request.count > offset else {
                return isFinal ? .no : .unknown
            }
            let end = length > 0 ? offset + length : request.count
            if matches(request.extracting(offset..<end)) { return .yes }
            return length > 0 || isFinal ? .no : .unknown
        case .helloType:
            switch ClientHello.messageType(request) {
            case .incomplete: return isFinal ? .no : .unknown
            case .none: return .no
            case .value(let type): return Truth(matches(Int(type)))
            }
        case .serverName:
            switch ClientHello.serverName(request) {
            case .incomplete: return isFinal ? .no : .unknown
            case .none: return .no
            case .value(let range): return Truth(matches(request.extracting(range)))
            }
        }
    }

    private func matches(_ value: Int) -> Bool {
        switch pattern {
        case .found: return true
        case .truth: return value != 0
        case .integers(let ranges):
            for range in ranges where range.contains(value) { return true }
            return false
        case .addresses, .text, .lengths: return false
        }
    }

    private func matches(_ address: IPAddress?) -> Truth {
        guard let address else { return .no }
        switch pattern {
        case .found: return .yes
        case .addresses(let set): return Truth(set.contains(address))
        case .truth, .integers, .text, .lengths: return .no
        }
    }

    private func matches(_ text: Span<UInt8>) -> Bool {
        switch pattern {
        case .found: return true
        case .text(let match): return match.matches(text)
        case .lengths(let ranges):
            for range in ranges where range.contains(text.count) { return true }
            return false
        case .truth, .integers, .addresses: return false
        }
    }
}
