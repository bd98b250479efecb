/// The first message of a TLS client (RFC 8446 §4.1.2), as far as who wants to be reached is concerned.
///
/// It must stand in one record, as HAProxy wants it.
package enum ClientHello {
    package enum Found<Value: Equatable & Sendable>: Equatable, Sendable {
        case incomplete
        /// No TLS, no ClientHello, or one without it.
        case none
        case value(Value)
    }

    /// `req.ssl_hello_type`: the kind of the handshake message, once all of it is there; 1 is a ClientHello.
    package static func messageType(_ bytes: Span<UInt8>) -> Found<UInt8> {
        guard case .value(let type) = firstType(bytes) else { return firstType(bytes) }
        return bytes.count < 9 + number(bytes, at: 6, bytes: 3) ? .incomplete : .value(type)
    }

    private static func firstType(_ bytes: Span<UInt8>) -> Found<UInt8> {
        guard bytes.count > 0 else { return .incomplete }
        guard bytes[0] == 22 else { return .none }
        guard bytes.count >= 9 else { return .incomplete }
        guard bytes[1] >= 3 else { return .none }
        return .value(bytes[5])
    }

    /// `req.ssl_sni`: where in the bytes the name of the `server_name` extension stands (RFC 6066 §3).
    package static func serverName(_ bytes: Span<UInt8>) -> Found<Range<Int>> {
        switch firstType(bytes) {
        case .incomplete: return .incomplete
        case .none: return .none
        case .value(let type): if type != 1 { return .none }
        }
        let record = 5 + number(bytes, at: 3, bytes: 2)
        let message = 9 + number(bytes, at: 6, bytes: 3)
        guard message <= record else { return .none }
        var cursor = Cursor(position: 9, end: message)
        // Version and random; then session, cipher suites and compression methods, each with its length.
        guard cursor.skip(34) else { return .none }
        for size in [1, 2, 1] {
            switch cursor.field(bytes, lengthBytes: size) {
            case .incomplete: return .incomplete
            case .none: return .none
            case .value: break
            }
        }
        guard cursor.position < message else { return .none }
        guard cursor.position + 2 <= bytes.count else { return .incomplete }
        let extensions = cursor.position + 2 + number(bytes, at: cursor.position, bytes: 2)
        guard extensions <= message else { return .none }
        cursor = Cursor(position: cursor.position + 2, end: extensions)
        while cursor.position < extensions {
            guard cursor.position + 4 <= extensions else { return .none }
            guard cursor.position + 2 <= bytes.count else { return .incomplete }
            let type = number(bytes, at: cursor.position, bytes: 2)
            guard cursor.skip(2) else { return .none }
            switch cursor.field(bytes, lengthBytes: 2) {
            case .incomplete: return .incomplete
            case .none: return .none
            case .value(let body): if type == 0 { return name(bytes, in: body) }
            }
        }
        return .none
    }

    /// A list of names; the first of type host_name.
    private static func name(_ bytes: Span<UInt8>, in body: Range<Int>) -> Found<Range<Int>> {
        guard body.upperBound <= bytes.count else { return .incomplete }
        var cursor = Cursor(position: body.lowerBound, end: body.upperBound)
        guard cursor.skip(2) else { return .none }
        while cursor.position < body.upperBound {
            let type = bytes[cursor.position]
            guard cursor.skip(1) else { return .none }
            guard case .value(let name) = cursor.field(bytes, lengthBytes: 2) else { return .none }
            if type == 0 { return name.isEmpty ? .none : .value(name) }
        }
        return .none
    }

    private static func number(_ bytes: Span<UInt8>, at position: Int, bytes count: Int) -> Int {
        var value = 0
        for offset in 0..<count { value = value << 8 | Int(bytes[position + offset]) }
        return value
    }

    /// A place in the message that never leaves it.
    private struct Cursor {
        var position: Int
        let end: Int

        mutating func skip(_ count: Int) -> Bool {
            guard count <= end - position else { return false }
            position += count
            return true
        }

        /// What stands behind a length of so many bytes; the field itself need not have come yet.
        mutating func field(_ bytes: Span<UInt8>, lengthBytes: Int) -> Found<Range<Int>> {
            guard lengthBytes <= end - position else { return .none }
            guard position + lengthBytes <= bytes.count else { return .incomplete }
            let start = position + lengthBytes
            let count = ClientHello.number(bytes, at: position, bytes: lengthBytes)
            guard count <= end - start else { return .none }
            position = start + count
            return .value(start..<position)
        }
    }
}
