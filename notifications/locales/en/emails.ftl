# Emails to fans, in English. Every locale has the same messages; a test compares them.

greeting = Hello { $name },
greeting-plain = Hello,
farewell = Your box office at Fairgate
footer = You get this letter because this address was given for order { $order }.

when-label = When
doors-label = Doors
where-label = Where
order-label = Order
amount-label = Amount

weekday =
    { $weekday ->
        [mon] Monday
        [tue] Tuesday
        [wed] Wednesday
        [thu] Thursday
        [fri] Friday
        [sat] Saturday
       *[sun] Sunday
    }
month =
    { $month ->
        [1] January
        [2] February
        [3] March
        [4] April
        [5] May
        [6] June
        [7] July
        [8] August
        [9] September
        [10] October
        [11] November
       *[12] December
    }
zone = { $city } time
moment = { weekday } { $day } { month } { $year } at { $time }, { $zone }
doors = open at { $time }

ticket-subject =
    { $count ->
        [one] Your ticket for { $show }
       *[other] Your { $count } tickets for { $show }
    }
ticket-heading =
    { $count ->
        [one] Your ticket
       *[other] Your { $count } tickets
    }
ticket-intro =
    { $count ->
        [one] It is paid. Show the code at the door, on your phone or on paper.
       *[other] It is paid. Show each code at the door, on your phone or on paper.
    }
ticket-keep = The link below opens your tickets again at any time. Whoever has it can use them, so share it only with people you go with.
ticket-title = Ticket { $number } of { $count }
ticket-code = Code
ticket-picture = QR code of ticket { $number }
ticket-link = Open your tickets

refund-subject = Your money for { $show } is on its way back
refund-heading = Your refund
refund-intro = We have given back { $amount } to the means of payment you used. It can take your bank some days to show it.
refund-void = The tickets of this order are no longer good and let nobody in.
refund-link = See your order

answer-subject = We answered your question about { $show }
answer-heading = Our answer
answer-intro = You wrote to us about your order. This is our answer:
answer-reply = To write back, open your order and choose support there. This address is not read.
answer-link = Open your order

link-subject = A new link to your order for { $show }
link-heading = Your new link
link-intro = The link below opens your order. Links in earlier mails no longer do.
link-keep = Whoever has the link sees your tickets and can use them, so share it only with people you go with.
link-link = Open your order

near-subject = Your turn for { $show } is near: { $when }
near-heading = Your turn is near
near-between = between { $from } and { $to }
near-at = at about { $time }
near-intro = You will be in { $when }, { $zone }. The line can move faster than that, so open your place now.
near-keep = Open it where you joined: in the same browser, or at the address you kept. When it is your turn you have a short time to go in, then your place goes to the next person.
near-link = Open your place
near-footer = You get this mail because somebody who waits for { $show } gave this address. It is the only one, and the address is deleted now.
