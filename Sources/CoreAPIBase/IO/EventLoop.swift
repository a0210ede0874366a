internal import CEpoll
internal import Glibc
internal import Synchronization

/// One thread that waits for sockets (epoll, edge-triggered) and runs Swift tasks in between.
///
/// The loop is a `TaskExecutor`: it runs the jobs of every task that prefers it. A connection
/// therefore stays on one thread and shares nothing. A turn runs the jobs, calls the handlers that
/// have requested a turn, flushes their output, waits for events and calls their handlers.
///
/// Sendable by discipline: any thread may call `enqueue`, `submit`, `stop` and `isCurrent`; only
/// the loop's own thread calls the rest once the loop runs, which debug builds check.
@safe package final class EventLoop: TaskExecutor, @unchecked Sendable {
    // Only the loop's thread uses these lists. An access ends before a handler is called, and no
    // `deinit` of a handler calls the loop except by `submit`: no exclusivity check is needed.
    /// The handler of each socket, by the socket's descriptor number.
    @exclusivity(unchecked) private var handlers: [(any EventHandler)?] = []
    private var timedHandlers: [any EventHandler] = []
    @exclusivity(unchecked) private var flushRequests: [any EventHandler] = []
    /// By descriptor number: the readiness that a spent budget has withheld from the handler.
    @exclusivity(unchecked) private var undelivered: [SocketReadiness] = []
    /// The descriptors with undelivered readiness, in the order in which their handlers are called.
    private var lateDescriptors: [Int] = []
    /// Whether `lateDescriptors` has an element.
    private var hasLate = false
    private var budget = TurnBudget(at: .now())
    /// The handlers that have requested a turn. Two lists alternate, as with the jobs.
    @exclusivity(unchecked) private var turnRequests: [any EventHandler] = []
    @exclusivity(unchecked) private var proceeding: [any EventHandler] = []
    @exclusivity(unchecked) private var jobs: [UnownedJob] = []
    /// The jobs of the current turn. Two lists alternate, so that neither is allocated again.
    @exclusivity(unchecked) private var running: [UnownedJob] = []
    private var nextSweep = MonotonicTime.never
    private var isStopped = false
    /// The time at the beginning of this turn.
    package var now: MonotonicTime { time }
    /// Private, so that the compiler proves exclusive access and emits no check at run time.
    private var time = MonotonicTime.now()

    private let turnEnded: TurnEnded?
    /// The work that other threads have submitted; nil once the loop has ended.
    private let inbox = Mutex<[Work]?>([])
    /// The `pthread_t` of the thread that runs the loop; 0 before `run`.
    private let thread = Atomic<UInt>(0)
    private let poll: FileDescriptor
    private let wakeUp: FileDescriptor
    /// The buffer that every read of a socket of this loop fills.
    private let scratch = UnsafeMutableRawBufferPointer.allocate(
        byteCount: EventLoop.readBytesMax, alignment: 16)

    /// The largest number of bytes of one read.
    package static let readBytesMax = 64 * 1024
    private static let eventsMax = 256
    /// The shortest interval between two checks of all deadlines; with many descriptors it is a
    /// millisecond for each thousand (docs/decisions/0002-deadlines.md).
    private static let sweepIntervalMillisecondsMin = 20
    private static let descriptorsPerSweepMillisecond = 1_000

    private enum Work {
        case job(UnownedJob)
        case action(@Sendable () -> Void)
    }

    /// Receives the length of each turn: the longest wait of an event that arrives meanwhile.
    package typealias TurnEnded = @Sendable (_ nanoseconds: Int64, _ now: MonotonicTime) -> Void

    package init(turnEnded: TurnEnded? = nil) throws(SystemError) {
        self.turnEnded = turnEnded
        let pollNumber = try SystemCall.run("epoll_create1") { epoll_create1(Int32(EPOLL_CLOEXEC)) }
        let wakeUpNumber = try SystemCall.run("eventfd") {
            eventfd(0, Int32(EFD_CLOEXEC) | Int32(EFD_NONBLOCK))
        }
        guard let pollNumber, let wakeUpNumber else {
            preconditionFailure("EventLoop.init: epoll_create1 or eventfd returned EAGAIN")
        }
        poll = FileDescriptor(taking: pollNumber)
        wakeUp = FileDescriptor(taking: wakeUpNumber)
        try watch(wakeUp)
    }

    deinit { unsafe scratch.deallocate() }

    // MARK: - From any thread

    /// Whether the calling thread is the loop's.
    package var isCurrent: Bool { thread.load(ordering: .relaxed) == pthread_self() }

    /// Runs a job of a task on the loop's thread.
    package func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        if isCurrent { return unsafe jobs.append(job) }
        let isTaken = post(.job(job))
        precondition(isTaken, "EventLoop.enqueue: the loop has ended before the task")
    }

    /// Runs the action on the loop's thread, in a later turn. False if the loop has ended: the
    /// action is dropped.
    @discardableResult
    package func submit(_ action: @escaping @Sendable () -> Void) -> Bool { post(.action(action)) }

    /// Ends `run` after the turn that receives this call.
    package func stop() { submit { [unowned self] in isStopped = true } }

    private func post(_ work: Work) -> Bool {
        let count = inbox.withLock { inbox in
            inbox?.append(work)
            return inbox?.count ?? 0
        }
        if count == 1 { wake() }
        return count > 0
    }

    private func wake() {
        // EAGAIN: the counter is full, so the loop wakes up anyway.
        let result = eventfd_write(wakeUp.number, 1)
        precondition(result == 0 || errno == EAGAIN, "EventLoop.wake: eventfd_write failed")
    }

    // MARK: - Handlers

    /// Calls the handler's `ready` once for each change of the socket's readiness (edge-triggered).
    package func register(
        _ handler: any EventHandler, for socket: borrowing Socket
    ) throws(SystemError) {
        assertCurrent()
        try watch(socket.descriptor)
        let number = Int(socket.descriptor.number)
        while unsafe handlers.count <= number {
            unsafe handlers.append(nil)
            unsafe undelivered.append([])
        }
        unsafe handlers[number] = handler
        unsafe undelivered[number] = []
    }

    /// Removes the handler of a socket. The caller closes the socket afterwards, which removes it
    /// from the epoll set.
    package func unregister(_ socket: borrowing Socket) {
        assertCurrent()
        unsafe handlers[Int(socket.descriptor.number)] = nil
        unsafe undelivered[Int(socket.descriptor.number)] = []
    }

    /// Removes the handler of a socket that has other descriptors, of other loops or processes:
    /// closing this one does not remove the socket from the epoll set (epoll(7), question 6).
    package func unregister(shared socket: borrowing Socket) {
        unregister(socket)
        let (poll, number) = (poll.number, socket.descriptor.number)
        let result = epoll_ctl(poll, EPOLL_CTL_DEL, number, nil)
        precondition(result == 0, "EventLoop.unregister(shared:): EPOLL_CTL_DEL failed")
    }

    /// Checks the deadlines of a handler until `removeTimed`, also while it has no socket.
    package func addTimed(_ handler: any EventHandler) {
        assertCurrent()
        timedHandlers.append(handler)
    }

    package func removeTimed(_ handler: any EventHandler) {
        assertCurrent()
        timedHandlers.removeAll { $0 === handler }
    }

    /// Reports a new deadline of a handler. It may be earlier than the next sweep.
    package func bringForward(_ deadline: MonotonicTime) {
        if deadline < nextSweep { nextSweep = deadline }
    }

    /// Calls the handler's `flush` once at the end of this turn.
    package func requestFlush(_ handler: any EventHandler) {
        assertCurrent()
        unsafe flushRequests.append(handler)
    }

    /// Calls the handler's `proceed` in the next turn, after the handlers before it.
    package func requestTurn(_ handler: any EventHandler) {
        assertCurrent()
        unsafe turnRequests.append(handler)
    }

    /// Counts one step of a handler, such as one of several pipelined requests. True if the budget
    /// of the turn is spent and the handler must leave its other steps to its next turn.
    package func endsTurn() -> Bool {
        // A copy: an access to the property that spans a call is checked at run time.
        var spent = budget
        defer { budget = spent }
        return spent.called()
    }

    /// Reads once from the socket and passes the bytes to `body`; they are valid during the call.
    /// Returns the number of bytes, 0 at the end of the stream; nil if the read would block.
    ///
    /// - Parameter bytesMax: 1 to `readBytesMax`.
    package func read(
        _ socket: borrowing Socket, atMost bytesMax: Int = EventLoop.readBytesMax,
        _ body: (Span<UInt8>) -> Void
    ) throws(SystemError) -> Int? {
        assertCurrent()
        let room = unsafe UnsafeMutableRawBufferPointer(rebasing: scratch[..<bytesMax])
        guard let count = unsafe try socket.receive(room) else { return nil }
        let received = unsafe scratch[..<count].assumingMemoryBound(to: UInt8.self)
        unsafe body(Span(_unsafeElements: received))
        return count
    }

    package func assertCurrent() {
        assert(
            isCurrent || thread.load(ordering: .relaxed) == 0,
            "an EventLoop that runs was called on another thread")
    }

    // MARK: - Running

    /// Runs on the calling thread until `stop`.
    package func run() {
        thread.store(pthread_self(), ordering: .relaxed)
        var events = unsafe [epoll_event](repeating: epoll_event(), count: EventLoop.eventsMax)
        time = .now()
        while !isStopped {
            runJobs()
            callRequested()
            flushAll()
            endTurn()
            unsafe handle(&events)
            if time >= nextSweep { sweep() }
        }
        end()
    }

    /// Reads the clock and reports the length of the turn.
    private func endTurn() {
        let began = time
        time = .now()
        turnEnded?(time.nanoseconds(since: began), time)
    }

    /// Closes the inbox and runs the work that it held.
    private func end() {
        perform(inbox.withLock { exchange(&$0, with: nil) } ?? [])
        while unsafe !jobs.isEmpty || !turnRequests.isEmpty {
            runJobs()
            callRequested()
        }
        flushAll()
    }

    /// Runs the pending jobs. Jobs that they add run in the next turn, after the events.
    private func runJobs() {
        guard unsafe !jobs.isEmpty else { return }
        unsafe swap(&running, &jobs)
        budget = TurnBudget(at: .now())
        var count = 0
        repeat {
            let job = unsafe running[count]
            unsafe job.runSynchronously(on: asUnownedTaskExecutor())
            count += 1
        } while unsafe count < running.count && !endsTurn()
        if unsafe count < running.count { unsafe jobs = unsafe Array(running[count...]) + jobs }
        unsafe running.removeAll(keepingCapacity: true)
    }

    /// Calls the handlers that have requested a turn. Their new requests belong to the next turn.
    private func callRequested() {
        guard unsafe !turnRequests.isEmpty else { return }
        unsafe swap(&proceeding, &turnRequests)
        budget = TurnBudget(at: .now())
        var count = 0
        repeat {
            unsafe proceeding[count].proceed()
            count += 1
        } while unsafe count < proceeding.count && !endsTurn()
        if unsafe count < proceeding.count {
            unsafe turnRequests = unsafe Array(proceeding[count...]) + turnRequests
        }
        unsafe proceeding.empty()
    }

    private func flushAll() {
        guard unsafe !flushRequests.isEmpty else { return }
        // A handler may request another flush while it flushes.
        var index = 0
        while unsafe index < flushRequests.count {
            unsafe flushRequests[index].flush()
            index += 1
        }
        unsafe flushRequests.empty()
    }

    /// Waits for events until the next deadline at most, and calls their handlers.
    private func handle(_ events: inout [epoll_event]) {
        let count = unsafe wait(&events)
        time = .now()
        budget = TurnBudget(at: time)
        callLateHandlers()
        for index in 0..<count {
            let number = unsafe events[index].data.fd
            if number == wakeUp.number {
                takeInbox()
                continue
            }
            deliver(Int(number), unsafe EventLoop.readiness(events[index].events))
        }
    }

    /// Calls the handler of a descriptor, or stores the readiness if the budget is spent.
    private func deliver(_ number: Int, _ readiness: SocketReadiness) {
        // The handler of an event in this batch may have been unregistered by another.
        guard let handler = unsafe handlers[number] else { return }
        if !hasLate, !budget.isSpent {
            handler.ready(readiness)
            _ = endsTurn()
            return
        }
        if unsafe undelivered[number].isEmpty { lateDescriptors.append(number) }
        unsafe undelivered[number].formUnion(readiness)
        hasLate = true
    }

    /// Calls the handlers that an earlier turn left uncalled.
    private func callLateHandlers() {
        guard hasLate else { return }
        var count = 0
        repeat {
            let number = lateDescriptors[count]
            let handler = unsafe handlers[number]
            let readiness = unsafe undelivered[number]
            unsafe undelivered[number] = []
            // Without a handler, the socket was closed meanwhile.
            if let handler, !readiness.isEmpty { handler.ready(readiness) }
            count += 1
        } while count < lateDescriptors.count && !endsTurn()
        lateDescriptors.removeFirst(count)
        hasLate = !lateDescriptors.isEmpty
    }

    private static func readiness(_ flags: UInt32) -> SocketReadiness {
        if flags & (EPOLLERR.rawValue | EPOLLHUP.rawValue) != 0 {
            return [.readable, .writable, .ended]
        }
        var readiness: SocketReadiness = []
        if flags & EPOLLIN.rawValue != 0 { readiness.insert(.readable) }
        if flags & EPOLLOUT.rawValue != 0 { readiness.insert(.writable) }
        if flags & EPOLLRDHUP.rawValue != 0 { readiness.formUnion([.readable, .ended]) }
        return readiness
    }

    private func wait(_ events: inout [epoll_event]) -> Int {
        let isIdle = unsafe jobs.isEmpty && turnRequests.isEmpty && !hasLate
        let sweep = nextSweep == .never ? -1 : nextSweep.milliseconds(since: time)
        let timeout = isIdle ? Int32(clamping: sweep) : 0
        let count = unsafe events.withUnsafeMutableBufferPointer { events in
            unsafe epoll_wait(poll.number, events.baseAddress, Int32(events.count), timeout)
        }
        precondition(count >= 0 || errno == EINTR, "EventLoop.wait: epoll_wait failed")
        return max(0, Int(count))
    }

    private func takeInbox() {
        var counter: eventfd_t = 0
        _ = unsafe eventfd_read(wakeUp.number, &counter)
        perform(inbox.withLock { exchange(&$0, with: []) } ?? [])
    }

    private func perform(_ taken: [Work]) {
        for work in taken {
            switch work {
            case .job(let job): unsafe jobs.append(job)
            case .action(let action): action()
            }
        }
    }

    /// Calls the handlers whose deadlines have passed, and determines the next sweep.
    private func sweep() {
        nextSweep = .never
        for handler in unsafe handlers {
            if let handler { check(handler) }
        }
        for handler in timedHandlers { check(handler) }
        let interval = unsafe max(
            EventLoop.sweepIntervalMillisecondsMin,
            handlers.count / EventLoop.descriptorsPerSweepMillisecond)
        nextSweep = max(nextSweep, time.advanced(byMilliseconds: interval))
    }

    private func check(_ handler: any EventHandler) {
        if handler.deadline <= time { handler.deadlineReached(now: time) }
        bringForward(handler.deadline)
    }

    private func watch(_ descriptor: borrowing FileDescriptor) throws(SystemError) {
        let flags = EPOLLIN.rawValue | EPOLLOUT.rawValue | EPOLLRDHUP.rawValue | EPOLLET.rawValue
        var event = unsafe epoll_event(
            events: flags, data: epoll_data(fd: descriptor.number))
        let (poll, number) = (poll.number, descriptor.number)
        _ = try SystemCall.run("epoll_ctl") {
            unsafe epoll_ctl(poll, EPOLL_CTL_ADD, number, &event)
        }
    }
}
