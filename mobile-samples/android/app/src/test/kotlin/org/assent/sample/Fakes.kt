package org.assent.sample

/** Settings of one test. */
class MapMemory : Memory {
    private val values = mutableMapOf<String, String>()

    override fun get(name: String): String? = values[name]

    override fun set(name: String, value: String?) {
        if (value == null) values.remove(name) else values[name] = value
    }
}

/** What the system would show. It outlives the process. */
class FakeBoard : Board {
    private val shown = mutableMapOf<String, Waiting>()

    /** The ids of what is told. */
    val told: Set<String> get() = shown.keys.toSet()

    override fun tell(waiting: List<Waiting>) {
        for (request in waiting) shown.putIfAbsent(request.id, request)
    }

    override fun keep(accounts: Collection<String>, waiting: List<Waiting>) {
        val wanted = waiting.map { it.id }.toSet()
        shown.values.removeAll { it.account in accounts && it.id !in wanted }
    }

    override fun remove(id: String) {
        shown.remove(id)
    }
}
