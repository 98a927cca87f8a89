# Headquarters' page in Arabic. Each message has its brother in en.ftl.
# Spans of time stand behind منذ: in the genitive.

title = المقر العام · وصل
brand = وصل
brand-says = مزامنة التسجيل
headquarters = المقر العام
as-of-before = الحالة في
switch = View this page in English
refreshes = تعرض هذه الصفحة الحالة الآن وتتجدد كل 30 ثانية، ولا تغيّر شيئاً.

verdict = الخلاصة
ok = سليم
warn = تنبيه
crit = يلزم التدخل الآن
unknown = غير معروف
info = ملاحظة
all-well = كل شيء على ما يرام
warming-up = بدأ المقر العام للتو: ما لا يظهر إلا مع الوقت لم يظهر بعد
and-more = { $worst } ({ $form ->
    [one] وأمر آخر
    [two] وأمران آخران
    [few] و{ $n } أمور أخرى
    [many] و{ $n } أمراً آخر
   *[other] و{ $n } أمر آخر
  })

todo = ما العمل
todo-nothing = لا شيء. كل شيء على ما يرام.
code = الرمز
depends = سببه { $codes }

state = حال المقر العام
offices-connected = المكاتب
connected-of = المتصل { $n } من { $all }
records-total = السجلات
conflicts = التعارضات
conflicts-none = لا يوجد
conflicts-see = يعرض `wasl-hq conflict list` قيمها جنباً إلى جنب
held = القيود المحتجزة
held-none = لا يوجد
held-see = يبيّن `wasl-hq held list` ما ينتظره كل منها
held-reason = { $n } × `{ $reason }`
database = قاعدة البيانات
database-free = المتاح على قرصها { $size }
version = إصدار البرنامج
started = بدأ التشغيل { $ago }

rollout = نشر الإعدادات
rollout-none = لم يُنشر أي إصدار. تعمل كل المكاتب بالإعدادات المضمّنة.
rollout-edition = الإصدار { $serial }
rollout-in-force = سارٍ في { $n } من { $all } من المكاتب
rollout-since = { $ago }
stage-signed = موقَّع ولم يبدأ نشره
stage-canary = في المكتب الأول
stage-soak = قيد المراقبة في المكتب الأول
stage-wave = الدفعة { $n }
stage-complete = اكتمل
stage-paused = متوقف مؤقتاً
stage-aborted = أُوقف
stage-superseded = حلّ محله إصدار أحدث

offices = المكاتب
office = المكتب
freshness = الحال
records-short = السجلات
waiting = ينتظر هناك
conflicts-short = التعارضات
held-short = المحتجز
config = الإعدادات
fresh = حاضر
quiet = هادئ
late = متأخر
lost = مفقود
never = لم يتصل قط
revoked = أُلغي
connected = متصل، { $ms } ملي ثانية
connected-plain = متصل
seen = آخر خبر { $ago }
last-known = آخر المعلوم { $ago }
missed = فاته { $hours } من ساعاته المعتادة، ويُعدّ متأخراً من { $late }
not-reported = غير معروف
usually = أوقاته المعتادة
config-built-in = المضمّنة
config-edition = الإصدار { $serial }
config-desired = سيتسلم { $serial }
office-not-targeted = لم يحن دوره
office-pending-offline = ينتظر اتصاله
office-offered = أُرسل إليه
office-probation = قيد التجربة
office-committed = سارٍ
office-rejected = رفضه المكتب
office-rolled-back = أُلغي وعاد ما قبله
office-held = أوقفه المشغّل هناك
office-straggler = تخلّف عن النشر

records = { $form ->
    [zero] لا سجلات
    [one] سجل واحد
    [two] سجلان
    [few] { $n } سجلات
    [many] { $n } سجلاً
   *[other] { $n } سجل
  }
entries = { $form ->
    [zero] لا قيود
    [one] قيد واحد
    [two] قيدان
    [few] { $n } قيود
    [many] { $n } قيداً
   *[other] { $n } قيد
  }
conflict-records = { $form ->
    [zero] لا يوجد
    [one] سجل واحد متعارض
    [two] سجلان متعارضان
    [few] { $n } سجلات متعارضة
    [many] { $n } سجلاً متعارضاً
   *[other] { $n } سجل متعارض
  }

ago = منذ { $span }
seconds = { $form ->
    [zero] لحظة
    [one] ثانية
    [two] ثانيتين
    [few] { $n } ثوانٍ
   *[other] { $n } ثانية
  }
minutes = { $form ->
    [zero] أقل من دقيقة
    [one] دقيقة
    [two] دقيقتين
    [few] { $n } دقائق
   *[other] { $n } دقيقة
  }
hours = { $form ->
    [zero] أقل من ساعة
    [one] ساعة
    [two] ساعتين
    [few] { $n } ساعات
   *[other] { $n } ساعة
  }
dates = { $form ->
    [zero] أقل من يوم
    [one] يوم
    [two] يومين
    [few] { $n } أيام
    [many] { $n } يوماً
   *[other] { $n } يوم
  }

# What is wrong (w-CODE) and what to do (do-CODE): the codes of `wasl-hq status`.
w-stopped = المقر العام لا يعمل
do-stopped = اعرف السبب: `systemctl status wasl-hq`، ثم شغّله: `systemctl start wasl-hq`
w-disk-low = أوشك قرص قاعدة البيانات على الامتلاء
do-disk-low = أفرغ مساحة، أو انقل مجلد البيانات إلى قرص أكبر.
w-held-unauthorised = كتب مكتب ما لا يكتبه إلا المقر العام
do-held-unauthorised = اسأل المكتب من كتبه. `wasl-hq held list` ثم `held refuse`، وينهي `wasl-hq office revoke ID` صلاحية المكتب.
w-duplicate-identity = جهازان يكتبان باسم مكتب واحد
do-duplicate-identity = اسأل المكتب أي الجهازين هو المستعمل، وأطفئ الآخر نهائياً.
w-backup-old = لا توجد نسخة حديثة من قاعدة البيانات خارج الموقع
do-backup-old = نفّذ `wasl-hq backup TO_DIR --offsite`، ويُفضَّل بمؤقّت، وانقل TO_DIR إلى مكان آخر.
w-offices-silent = معظم المكاتب صامتة في وقت واحد
do-offices-silent = تحقق من وصول UDP إلى هذا الجهاز (يذكر `wasl-hq status` المنفذ)، ثم من مزوّد الخدمة، ثم من تقويم العطل.
w-office-lost = مكاتب مفقودة
do-office-lost = اتصل بالمكتب: هل الجهاز يعمل؟ ثم نفّذ هناك `wasl doctor`. ويبيّن `wasl-hq office show ID` أوقاته المعتادة.
w-office-late = مكاتب متأخرة
do-office-late = اتصل بالمكتب أو انتظر: يُعدّ مفقوداً بعد يوم معتاد. ويبيّن `wasl-hq office show ID` أوقاته المعتادة.
w-office-never = مكاتب لم تتصل قط
do-office-never = نفّذ `wasl join TOKEN` في المكتب، ويطبع `wasl-hq office token ID` رمزاً جديداً.
w-hq-clock = يبدو أن ساعة المقر العام غير مضبوطة
do-hq-clock = نفّذ `timedatectl` في المقر العام، واضبط الساعة أو شغّل مزامنة الوقت.
w-office-clock = ساعات بعض المكاتب غير مضبوطة
do-office-clock = اضبط الساعة هناك، أو شغّل مزامنة الوقت.
w-held = قيود محتجزة
do-held = يبيّن `wasl-hq held list` ما ينتظره كل منها.
w-conflicts = سجلات متعارضة تنتظر القرار
do-conflicts = يعرض `wasl-hq conflict list` قيمها جنباً إلى جنب.
w-rollout-stopped = توقف نشر إصدار من الإعدادات
do-rollout-stopped = يعرض `wasl-hq config status` كل المكاتب.
w-config-not-kept = مكاتب لم تُبقِ على الإصدار الذي أُرسل إليها
do-config-not-kept = يبيّن `wasl-hq config status` السبب. أصلحه وانشره برقم أعلى.
w-rollout = يجري نشر إصدار من الإعدادات
do-rollout = يعرض `wasl-hq config status` كل المكاتب.
