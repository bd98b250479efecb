/// Finds what an unknown keyword was probably meant to be.
package enum Spelling {
    /// The candidate that needs the fewest edits, if it needs few for its length.
    package static func nearest<Candidates: Sequence<String>>(
        to word: String,
        among candidates: Candidates
    ) -> String? {
        let bytes = Array(word.utf8.prefix(64))
        let letters = letters(bytes)
        let limit = max(1, min(3, bytes.count / 3))
        var best: (word: String, distance: Int)?
        for candidate in candidates {
            guard abs(candidate.utf8.count - bytes.count) <= limit else { continue }
            let other = Array(candidate.utf8)
            // An edit changes two letters of the set at most: a cheap way past most candidates.
            guard (Self.letters(other) ^ letters).nonzeroBitCount <= 2 * limit else { continue }
            let distance = distance(bytes, other)
            guard distance <= limit, distance < (best?.distance ?? .max) else { continue }
            best = (candidate, distance)
        }
        return best?.word
    }

    /// Which bytes occur, folded into 32 bits.
    private static func letters(_ bytes: [UInt8]) -> UInt32 {
        bytes.reduce(0) { $0 | 1 << UInt32($1 & 31) }
    }

    /// Insertions, deletions, substitutions and swaps of neighbours that lead from one word to the other.
    static func distance(_ left: [UInt8], _ right: [UInt8]) -> Int {
        var beforeLast = [Int](repeating: 0, count: right.count + 1)
        var last = Array(0...right.count)
        for row in 0..<left.count {
            var current = [row + 1]
            current.reserveCapacity(right.count + 1)
            for column in 0..<right.count {
                let same = left[row] == right[column]
                var cost = min(
                    last[column + 1] + 1,
                    current[column] + 1,
                    last[column] + (same ? 0 : 1)
                )
                if row > 0, column > 0, left[row] == right[column - 1],
                    left[row - 1] == right[column]
                {
                    cost = min(cost, beforeLast[column - 1] + 1)
                }
                current.append(cost)
            }
            beforeLast = last
            last = current
        }
        return last[right.count]
    }
}
