"""Replies that decline: that a model can't, won't or may not do what it was asked.

A refusal is told by the opening sentence of a reply. It speaks of the request itself ("that", "your request"),
or of the model as an AI. "I can't refund orders of last year" declines nothing that was asked of the model.
A sentence that stands in the conversation is a quotation, or the form that the data want, and no refusal: an
option, an example's response, a text to classify.
"""

# ruff: noqa: E501 - a pattern is one line

import re
from collections.abc import Iterable

from stores.normal_form import normal_form

# A first sentence longer than this says more than no.
_OPENING = 400

_SUBJECT_EN = r"(?:i|we)"
_CANNOT_EN = (
    r"(?:ca ?n(?:no|')t|can not|cannot|won't|will not|would not|wouldn't|could not|couldn't|(?:am|'m|are|'re) "
    r"(?:not able|unable|not comfortable|not allowed|not permitted|not willing|not programmed|not going)(?: to)?"
    r"|(?:must|have to|need to|will|would|'ll) (?:respectfully |politely )?(?:decline|refuse)(?: to)?"
    r"|do(?:n't| not) feel comfortable|decline to|refuse to)"
)
_DO_EN = (
    r"(?:help|assist|comply|fulfil+|answer|respond|provid\w+|do|continue|proceed|complete|satisfy|honou?r|engage|"
    r"participate|support|share|generat\w+|creat\w+|writ\w+|produc\w+|discuss\w*|giv\w+|offer|process|accommodate|"
    r"perform|facilitate)"
)
_OBJECT_EN = (
    r"(?:(?:you )?(?:with |to |in |about |on |out )?(?:that|this|it|these|those|such|your|the request|any of)\b"
    r"(?: (?:kind|type|sort|particular|specific)\w*(?: of)?)?(?: (?:request|question|task|topic|subject|content|"
    r"matter|information|query|prompt|activit\w+|instruction\w*|material|conversation|one|today))*"
    r"|(?:any |you (?:any )?)?(?:information|instructions?|guidance|advice|content|assistance|details|material)"
    r"(?: (?:on|about|for|to|or|regarding|related to) (?:how to|that|this|such|these|any|it|illegal|harmful|"
    r"dangerous|hacking|weapons?|drugs?|self-harm)\b.*| (?:that|which)\b.*)?"
    r"|(?:explicit|harmful|illegal|unethical|hateful|offensive|dangerous|inappropriate|violent|sexual)\b.*"
    r"|you)?"
)
# Each is matched from the beginning of the normalised opening sentence, and must reach its end.
_WHOLE = (
    # English
    rf"(?:{_SUBJECT_EN}(?: am|'m| apologi[sz]e| do apologi[sz]e)?(?: (?:really |very |so |truly |deeply )?(?:sorry|afraid))?"
    rf"[,. ]*(?:but |that |for (?:any|the) \w+[, ]*(?:but )?)?|(?:sorry|apologies|my apologies|unfortunately|regrettably|no|oh)"
    rf"[,. ]*(?:but )?)*(?:{_SUBJECT_EN} ?)?(?:just |simply )?{_CANNOT_EN} (?:be able to )?(?:fully |directly )?"
    rf"{_DO_EN}(?: (?:or|and) {_DO_EN})*(?: {_OBJECT_EN})?(?: (?:as|because|since|due|at this time|right now)\b.*)?",
    r"(?:sorry[,. ]*)?(?:but )?(?:that|this)(?:'s| is)? (?:not )?(?:something )?(?:that )?i (?:can't|cannot|won't) "
    r"(?:help|assist|do|answer|provide|discuss).*",
    # German
    r"(?:(?:es )?tut mir (?:sehr )?leid|entschuldigung|leider|verzeihung|bedauerlicherweise)[,. ]*(?:aber |doch )?"
    r"(?:dabei |damit |das |dies(?:e\w*)? (?:anfrage |frage )?)?(?:kann|darf|werde|m[oö]chte|muss) ich (?:(?:ihnen|dir) )?"
    r"(?:leider )?(?:dabei|damit|hierbei|das|dies\w*|deine\w*|ihre\w*|nicht|keine\w*|diesbezüglich|bei).*",
    r"ich (?:kann|darf|werde) (?:(?:ihnen|dir) )?(?:leider )?(?:dabei|damit|hierbei|bei (?:dieser|diesem|ihrer|deiner)|das|"
    r"dies\w*|ihre\w*|deine\w*) .{0,40}?(?:nicht|keine\w*) .*(?:helfen|weiterhelfen|beantworten|unterstützen|erfüllen|"
    r"bearbeiten|nachkommen|tun|bereitstellen|geben)",
    # French
    r"(?:(?:je suis |je )?(?:vraiment )?(?:désolée?|navrée?|regrette)|malheureusement|pardon)[,. ]*(?:mais )?"
    r"(?:je )?(?:ne |n')(?:peux|puis|suis|pourrai|pourrais|veux) (?:pas|malheureusement pas)?.{0,30}?"
    r"(?:aider|assister|répondre|fournir|faire (?:cela|ça)|satisfaire|traiter|donner suite|accéder|cela).*",
    r"je (?:ne |n')(?:peux|puis|suis pas en mesure)(?: pas)? (?:de )?(?:vous |t'|te |y )?(?:aider|répondre|accéder|"
    r"fournir|donner suite|satisfaire|faire cela)(?: .*(?:ce|cet|cette|cela|ça|demande|question).*)?",
    # Spanish
    r"(?:lo siento|perdón|disculpa|disculpe|lamentablemente|lo lamento|desafortunadamente|me temo que)[,. ]*(?:mucho[,. ]*)?"
    r"(?:pero )?(?:no puedo|no podré|no me es posible|no estoy (?:autorizad[oa]|en condiciones)).{0,20}?"
    r"(?:ayudar|asistir|responder|cumplir|proporcionar|hacer (?:eso|esto)|continuar|atender|satisfacer).*",
    r"no puedo (?:ayudar(?:te|le|lo)?|asistir(?:te|le)?|responder|cumplir|atender)(?: (?:con|a|en) (?:eso|esto|esa|ese|"
    r"esta|este|su|tu)\b.*)?",
    # Portuguese
    r"(?:(?:eu )?(?:sinto muito|lamento|desculpe?|infelizmente|me desculpe|peço desculpas?))[,. ]*(?:mas )?(?:eu )?"
    r"não (?:posso|poderei|consigo|sou capaz de).{0,20}?(?:ajudar|auxiliar|responder|atender|fornecer|fazer isso|"
    r"cumprir|continuar).*",
    r"(?:eu )?não posso (?:te |lhe |o )?(?:ajudar|auxiliar|responder|atender)(?:-\w+)?(?: (?:com|a|n?ess[ae]|n?isso|com isso)\b.*)?",
    # Italian
    r"(?:mi dispiace|spiacente|sono spiacente|purtroppo|scusa|scusi)[,. ]*(?:ma )?(?:io )?non (?:posso|sono in grado di)"
    r".{0,20}?(?:aiutar\w*|assister\w*|rispondere|fornire|soddisfare|farlo|continuare|esaudire).*",
    r"non posso (?:aiutar(?:ti|la|vi)|rispondere a (?:questa|questo))\b.*",
    # Dutch
    r"(?:het spijt me|sorry|helaas|excuses)[,. ]*(?:maar )?(?:daar |dat |hier )?(?:kan|mag|zal) ik (?:u |je |jou )?(?:daar|"
    r"hier|dat|dit|niet|geen|met).*",
    r"(?:(?:het spijt me|sorry|helaas)[,. ]*(?:maar )?)?ik kan (?:u |je )?(?:daar|hier|hiermee|daarmee|met dit|met dat|dit|dat|bij dit|niet) .*(?:helpen|niet|beantwoorden).*",
    # Polish, Czech
    r"(?:przykro mi|przepraszam|niestety)[,. ]*(?:ale )?nie (?:mogę|jestem w stanie|potrafię).{0,20}?(?:pomóc|odpowiedzieć|"
    r"spełnić|zrealizować|tego zrobić|udzielić|wykonać).*",
    r"(?:omlouvám se|promiňte|bohužel|je mi líto)[,. ]*(?:ale )?(?:s (?:tím|tímto) )?(?:vám )?(?:nemohu|nemůžu|nedokážu)"
    r".{0,30}?(?:pomoci|pomoct|odpovědět|vyhovět|splnit|poskytnout).*",
    # Swedish, Danish and Norwegian
    r"(?:jag är ledsen|tyvärr|förlåt|beklager|jeg beklager|desværre|undskyld)[,. ]*(?:men )?(?:det )?(?:kan )?(?:jag |jeg )?"
    r"(?:kan )?(?:inte|ikke|jag|jeg).{0,20}?(?:hjälpa|hjælpe|hjelpe|svara|svare|göra|gøre|gjøre).*",
    # Turkish, Indonesian, Vietnamese
    r"(?:üzgünüm|maalesef|özür dilerim|kusura bakmayın)[,. ]*(?:ama |ancak |fakat )?.{0,60}?(?:yardımcı olama|yardım edeme|"
    r"yanıtlayama|cevaplayama|yerine getireme|sağlayama).*",
    r"(?:maaf|mohon maaf|saya (?:minta|mohon) maaf|sayangnya)[,. ]*(?:tetapi |tapi |namun )?(?:saya )?tidak (?:dapat|bisa) "
    r"(?:membantu|memenuhi|menjawab|memberikan|melakukan).*",
    r"(?:tôi )?(?:rất )?(?:xin lỗi|rất tiếc|tiếc)[,. ]*(?:nhưng )?(?:tôi )?không thể (?:giúp|hỗ trợ|trả lời|đáp ứng|cung cấp|"
    r"thực hiện).*",
    # Russian, Ukrainian
    r"(?:извините|прости(?:те)?|к сожалению|сожалею|мне (?:очень )?жаль|приношу извинения)[,. ]*(?:но )?(?:я )?не (?:могу|смогу|"
    r"в состоянии|имею возможности).{0,30}?(?:помочь|ответить|выполнить|предоставить|сделать|обсуждать|помогать|поддержать).*",
    r"я не могу (?:(?:вам|тебе) )?(?:с этим |в этом )?(?:помочь|ответить на этот|выполнить (?:этот|эту|ваш\w*)|помогать)\b.*",
    r"(?:вибачте|перепрошую|на жаль|мені шкода)[,. ]*(?:але )?(?:я )?не (?:можу|зможу).{0,30}?(?:допомогти|відповісти|"
    r"виконати|надати|зробити).*",
    # Arabic, Hindi
    r"(?:عذرا|عذرًا|آسف|أعتذر|أنا آسف|للأسف|معذرة|أسف)[،,. ]*(?:و?لكن(?:ني|ي)? |فأنا )?(?:أنا )?(?:لا (?:أستطيع|يمكنني|أقدر)|"
    r"لست قادرا|ليس بإمكاني|لن أتمكن).*",
    r"(?:क्षमा करें|माफ़? ?(?:करें|कीजिए|कीजिये)|मुझे (?:खेद|अफ़?सोस) है|खेद है)[,. ]*(?:लेकिन |परंतु |कि |पर )?.{0,60}?"
    r"(?:मदद|सहायता|उत्तर|जवाब|पूरा).{0,20}?(?:नहीं|असमर्थ).*",
    # Chinese, Japanese, Korean
    r"(?:很?非?常?(?:抱歉|对不起|對不起|遗憾|遺憾)|不好意思)[，,。! ]*(?:但是?|不过|不過)?[，, ]*(?:我)?(?:目前|现在|現在|暂时|還|还)?"
    r"(?:无法|無法|不能|不可以|没办法|沒辦法|没法|不便).*",
    r"我(?:无法|無法|不能)(?:帮助|幫助|协助|協助|回答|满足|滿足|提供|完成|处理|處理|参与)(?:你|您)?(?:这|這|该|該|此|你的|您的|相关|有关).*",
    r"(?:大?変?)?(?:申し訳(?:ありません|ございません|ない)|すみません|ごめんなさい|恐れ入ります|残念ながら)(?:です)?(?:が|けど|けれども)?[、,。 ]*"
    r".{0,60}?(?:できません|出来ません|できかねます|いたしかねます|お答えでき|お手伝いでき|お応えでき|応じられません).*",
    r"(?:정말 )?(?:죄송(?:합니다|하지만|해요|한데)|미안(?:합니다|하지만|해요)|유감(?:입니다|이지만|스럽게도))(?:만)?[,. ]*.{0,60}?"
    r"(?:수 없(?:습니다|어요|네요|다)|드릴 수 없|어렵습니다|못합니다|불가능합니다).*",
)  # fmt: skip
# That the model is an AI, and can't: whatever it speaks of.
_AS_AI = (
    r"(?:(?:i'm |i am )?sorry[,. ]*(?:but )?)?as an? (?:\w+ )?(?:ai|artificial intelligence|(?:large )?language model|"
    r"assistant)\b[^,.]{0,60}[, ]+(?:(?:it'?s|it is) .{0,40}(?:not (?:able|appropriate|ethical)|against)|i ?(?:ca ?n(?:no|')t|"
    r"cannot|can not|won't|will not|am (?:not able|unable|not programmed)|'m (?:not able|unable)|must (?:decline|refuse)|"
    r"do(?:n't| not) (?:feel comfortable|provide|engage|create|support))).*",
    r"als (?:ki|künstliche intelligenz|sprachmodell)\b.{0,80}?(?:kann|darf|werde) ich .{0,80}?(?:nicht|keine)\b.*",
    r"en tant qu'?(?:e |une? )?(?:ia|intelligence artificielle|modèle de langage|assistant)\b.{0,80}?je (?:ne |n')(?:peux|puis|suis).*",
    r"como (?:una? |um |uma )?(?:ia|inteligencia artificial|inteligência artificial|modelo de (?:lenguaje|linguagem)|"
    r"asistente|assistente)\b.{0,80}?(?:no|não) (?:puedo|posso|estoy|sou|soy).*",
    r"(?:как|я) (?:ии|искусственный интеллект|языковая модель).{0,80}?не (?:могу|имею).*",
    r"作为一?[个個]?(?:人工智能|ai|语言模型|大?语言模型).{0,40}?(?:无法|不能|不会|没有办法).*",
    r"(?:aiとして|私はai|言語モデルとして).{0,60}?(?:できません|ありません).*",
    r"(?:저는 )?(?:ai|인공지능|언어 모델)(?:로서|이므로|이기 때문에|이라서).{0,60}?(?:없습니다|못합니다).*",
)  # fmt: skip
_REFUSES = re.compile(normal_form("NFKC", rf"(?:{'|'.join((*_WHOLE, *_AS_AI))})[\s.!。]*"), re.DOTALL)
_SENTENCE_END = re.compile(r"[.!?…](?=\s|$)|[。！？]|\n")
# Words that only open a refusal: the sentence that refuses follows them.
_APOLOGY = re.compile(
    r"(?:i'm (?:so |very |really )?sorry|i am (?:so |very )?sorry|sorry|i apologi[sz]e(?: for .{0,60})?|apologies|my apologies|"
    r"(?:es )?tut mir leid|entschuldigung|désolée?|je suis désolée?|lo siento|lo lamento|sinto muito|lamento|desculpe|"
    r"mi dispiace|het spijt me|przykro mi|przepraszam|omlouvám se|извините|прости(?:те)?|простите|мне жаль|вибачте|عذرا|عذرًا|"
    r"معذرة|क्षमा करें|माफ़ करें|(?:很|非常)?抱歉|对不起|對不起|申し訳(?:ありません|ございません)|すみません|"
    r"죄송합니다|미안합니다|üzgünüm|maaf|xin lỗi|tyvärr|beklager|no)[\s.!…。！,，]*"
)


def is_refusal(text: str, asked: Iterable[str] = ()) -> bool:
    """Say whether a reply declines to do what it was asked.

    Args:
        text: the reply, without thoughts.
        asked: the texts of the conversation. A sentence that one of them holds is no refusal.

    Examples:
        >>> is_refusal("I'm sorry, but I can't help with that.")
        True
        >>> is_refusal("I'm sorry, but we can't refund orders of last year. A voucher is possible.")
        False
    """
    opening = _opening(text)
    if not opening or _REFUSES.fullmatch(opening) is None:
        return False
    return not any(opening in _normalised(turn) for turn in asked)


def _opening(text: str) -> str:
    """Return the first sentence of a text, in small letters; with the next one where it only says sorry."""
    start = _normalised(text[: 2 * _OPENING]).lstrip(" \n*_\"'>#-“")
    end = 0
    for _ in range(2):
        found = _SENTENCE_END.search(start, end)
        end = found.end() if found else len(start)
        if _APOLOGY.fullmatch(start[:end].strip()) is None:
            break
    sentence = start[:end].strip(" \n*_\"'”")
    return sentence if len(sentence) <= _OPENING else ""


def _normalised(text: str) -> str:
    folded = normal_form("NFKC", text).casefold()
    return re.sub(r"[ \t]+", " ", re.sub(r"[’‘`´]", "'", folded))
