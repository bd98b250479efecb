import Primitives
import Rules

/// What few sessions have, and the others need no room for: where they count, and what a PROXY header told.
struct SessionNotes {
    /// `track-sc0` to `track-sc2`.
    struct Entry {
        var table: SharedTable
        var key: StickKey
    }

    private var places: (Entry?, Entry?, Entry?) = (nil, nil, nil)
    /// The address that the client connected to, elsewhere.
    var destination: SocketAddress?

    subscript(place: Int) -> Entry? {
        get {
            switch place {
            case 0: places.0
            case 1: places.1
            default: places.2
            }
        }
        set {
            switch place {
            case 0: places.0 = newValue
            case 1: places.1 = newValue
            default: places.2 = newValue
            }
        }
    }

    var isEmpty: Bool {
        places.0 == nil && places.1 == nil && places.2 == nil && destination == nil
    }

    /// The session counts nowhere any more.
    func end(at now: Instant) {
        for place in 0...2 {
            if let entry = self[place] { entry.table.end(entry.key, at: now) }
        }
    }
}
