package org.assent.sample

/** Settings of one test. */
class MapMemory : Memory {
    private val values = mutableMapOf<String, String>()

    override fun get(name: String): String? = values[name]

    override fun set(name: String, value: String?) {
        if (value == null) values.remove(name) else values[name] = value
    }
}

/** What the system would show. */
class FakeBoard : Board {
    /** The ids of what is told. */
    val told = mutableSetOf<String>()

    override fun tell(waiting: List<Waiting>) {
        keep(waiting)
        told += waiting.map { it.id }
    }

    override fun keep(waiting: List<Waiting>) {
        told.retainAll(waiting.map { it.id }.toSet())
    }
}
